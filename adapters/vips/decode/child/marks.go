package child

import (
	"imgd/adapters/vips/wire"
	"imgd/core"
)

// marks are the files of watermarks that came for the next request.
type marks struct {
	files map[core.ID][]byte
	done  []func() // end their validity
}

func (m *marks) add(f wire.Frame) error {
	var mark wire.Mark
	if err := f.Decode(&mark); err != nil {
		return err
	}
	if len(m.files) == wire.MaxMarks {
		return wire.Broken("a request has more than %d watermarks", wire.MaxMarks)
	}
	data, done, err := body(f)
	if err != nil {
		return err
	}
	if m.files == nil {
		m.files = map[core.ID][]byte{}
	}
	m.files[mark.Image], m.done = data, append(m.done, done)
	return nil
}

// release forgets them: they were for one request.
func (m *marks) release() {
	for _, done := range m.done {
		done()
	}
	m.files, m.done = nil, nil
}
