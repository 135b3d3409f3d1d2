package token_test

import (
	"strings"
	"testing"

	"imgd/adapters/token"
	"imgd/core"
	"imgd/ports/portstest"
)

func TestIssuersThatCouldBeMistakenForEachOtherAreRefused(t *testing.T) {
	keys := public(t, portstest.NewSigner("EdDSA", ""))
	is := func(name string, change ...func(*token.Issuer)) token.Issuer {
		all := token.Issuer{Name: name, Audience: "imgd", Tenants: byOrg, Keys: keys}
		for _, c := range change {
			c(&all)
		}
		return all
	}
	fixed := func(tenant string) func(*token.Issuer) {
		return func(is *token.Issuer) { is.Tenants = token.Tenants{Fixed: tenant} }
	}
	prefix := func(prefix string) func(*token.Issuer) {
		return func(is *token.Issuer) { is.Tenants = token.Tenants{Claim: "org_id", Prefix: prefix} }
	}
	bare := func(is *token.Issuer) { is.Bare = true }
	for name, c := range map[string]struct {
		issuers []token.Issuer
		tells   string // empty: they are good
	}{
		"one":                               {[]token.Issuer{is("a")}, ""},
		"none":                              {nil, "no issuer"},
		"with tenants of their own":         {[]token.Issuer{is("a", fixed("x")), is("b", fixed("y")), is("c", prefix("c:")), is("d", prefix("d:")), is("e", bare)}, ""},
		"the same twice":                    {[]token.Issuer{is("a", fixed("x")), is("a", fixed("y"))}, "twice"},
		"two with the tenants of a claim":   {[]token.Issuer{is("a"), is("b")}, "the same tenant"},
		"of other claims":                   {[]token.Issuer{is("a"), is("b", func(is *token.Issuer) { is.Tenants.Claim = "tid" })}, "the same tenant"},
		"two with one tenant":               {[]token.Issuer{is("a", fixed("x")), is("b", fixed("x"))}, "the same tenant"},
		"two with one prefix":               {[]token.Issuer{is("a", prefix("x:")), is("b", prefix("x:"))}, "the same tenant"},
		"a prefix that begins with another": {[]token.Issuer{is("a", prefix("x:")), is("b", prefix("x:y:"))}, "the same tenant"},
		"a tenant that begins with one":     {[]token.Issuer{is("a", fixed("x:y")), is("b", prefix("x:"))}, "the same tenant"},
		"and the other way round":           {[]token.Issuer{is("b", prefix("x:")), is("a", fixed("x:y"))}, "the same tenant"},
		"two bare ones":                     {[]token.Issuer{is("a", bare, fixed("x")), is("b", bare, fixed("y"))}, "the same owner"},
		"a tenant and a claim":              {[]token.Issuer{is("a", func(is *token.Issuer) { is.Tenants.Fixed = "x" })}, "keep one"},
		"no tenant":                         {[]token.Issuer{is("a", fixed(""))}, "neither"},
		"no name":                           {[]token.Issuer{is("")}, "name"},
		"a name with a bar":                 {[]token.Issuer{is("a|b")}, "name"},
		"no audience":                       {[]token.Issuer{is("a", func(is *token.Issuer) { is.Audience = "" })}, "audience"},
		"no keys":                           {[]token.Issuer{is("a", func(is *token.Issuer) { is.Keys = nil })}, "keys"},
		"a type that there is not":          {[]token.Issuer{is("a", func(is *token.Issuer) { is.Type = "id" })}, "typ"},
		"an algorithm of other keys":        {[]token.Issuer{is("a", func(is *token.Issuer) { is.Algorithms = []string{"RS256"} })}, "RS256"},
		"HS256 with a public key":           {[]token.Issuer{is("a", func(is *token.Issuer) { is.Algorithms = []string{"HS256"} })}, "HS256"},
		"the algorithm none":                {[]token.Issuer{is("a", func(is *token.Issuer) { is.Algorithms = []string{"none"} })}, "none"},
	} {
		_, err := token.New(stands, c.issuers...)
		if (err == nil) != (c.tells == "") || err != nil && !strings.Contains(err.Error(), c.tells) {
			t.Errorf("%s: %v, want %q in it", name, err, c.tells)
		}
	}
}

func TestNoIssuerNamesWhatIsAnothers(t *testing.T) {
	home, partner, house := portstest.NewSigner("EdDSA", ""), portstest.NewSigner("EdDSA", ""), portstest.NewSigner("EdDSA", "")
	r := reader(t,
		token.Issuer{Name: "home", Audience: "imgd", Tenants: byOrg, Keys: public(t, home), Bare: true},
		token.Issuer{Name: "partner", Audience: "imgd", Tenants: token.Tenants{Claim: "org_id", Prefix: "partner:"}, Keys: public(t, partner)},
		token.Issuer{Name: "house", Audience: "imgd", Tenants: token.Tenants{Fixed: "house"}, Keys: public(t, house)},
	)
	for name, c := range map[string]struct {
		s             portstest.Signer
		iss, org, sub string
		want          core.Principal // without a tenant: it is refused
	}{
		"home's own":                   {home, "home", "acme", "ann", core.Principal{Tenant: "acme", Subject: "ann"}},
		"the partner's own":            {partner, "partner", "acme", "ann", core.Principal{Tenant: "partner:acme", Subject: "partner|ann"}},
		"the house's own":              {house, "house", "acme", "ann", core.Principal{Tenant: "house", Subject: "house|ann"}},
		"home as a tenant of partners": {home, "home", "partner:acme", "ann", core.Principal{}},
		"home as the house":            {home, "home", "house", "ann", core.Principal{}},
		"home as a partner's subject":  {home, "home", "acme", "partner|ann", core.Principal{}},
		"the partner as the house":     {partner, "partner", "house", "ann", core.Principal{Tenant: "partner:house", Subject: "partner|ann"}},
		"the partner as home":          {partner, "home", "acme", "ann", core.Principal{}},
		"the house as home":            {house, "home", "acme", "ann", core.Principal{}},
	} {
		got, err := r.Principal(t.Context(), c.s.Sign(`{"alg":"EdDSA"}`, claims(object{"iss": c.iss, "org_id": c.org, "sub": c.sub})))
		if c.want.Tenant == "" {
			if core.KindOf(err) != core.Unauthenticated {
				t.Errorf("%s: %+v, %v; want it refused", name, got, err)
			}
			continue
		}
		if err != nil || got.Tenant != c.want.Tenant || got.Subject != c.want.Subject {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}
