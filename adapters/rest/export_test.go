package rest

// What tests look at without a server.
var (
	ReadTarget  = readTarget
	Target      = target
	Disposition = disposition
)
