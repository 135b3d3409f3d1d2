package rest_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"imgd/adapters/rest"
	"imgd/core"
	"imgd/core/access"
	"imgd/core/deliver"
)

// forge is a way to write a link in another way.
type forge struct {
	name string
	do   func(r *rand.Rand, target string) string
}

// parts is a target cut into its path and its parameters, and put together again.
func parts(target string) (string, []string) {
	p, query, _ := strings.Cut(target, "?")
	return p, strings.Split(query, "&")
}

func whole(path string, query []string) string { return path + "?" + strings.Join(query, "&") }

// at puts text in place of a byte.
func at(target string, i int, text string) string { return target[:i] + text + target[i+1:] }

var forges = []forge{
	{"a flipped bit", func(r *rand.Rand, s string) string {
		i := r.IntN(len(s))
		return at(s, i, string([]byte{s[i] ^ 1<<r.IntN(8)}))
	}},
	{"another case", func(r *rand.Rand, s string) string {
		for i := r.IntN(len(s)); ; i = (i + 1) % len(s) {
			if c := s[i] | 0x20; 'a' <= c && c <= 'z' {
				return at(s, i, string([]byte{s[i] ^ 0x20}))
			}
		}
	}},
	{"a byte encoded", func(r *rand.Rand, s string) string {
		i := r.IntN(len(s))
		return at(s, i, fmt.Sprintf([]string{"%%%02X", "%%%02x", "%%25%02x", "%%u00%02x"}[r.IntN(4)], s[i]))
	}},
	{"a parameter twice", func(r *rand.Rand, s string) string {
		p, q := parts(s)
		return whole(p, slices.Insert(q, r.IntN(len(q)+1), q[r.IntN(len(q))]))
	}},
	{"a parameter twice with another value", func(r *rand.Rand, s string) string {
		p, q := parts(s)
		name, _, _ := strings.Cut(q[r.IntN(len(q))], "=")
		return whole(p, slices.Insert(q, r.IntN(len(q)+1), name+"="+strconv.Itoa(r.IntN(1e10))))
	}},
	{"another order", func(r *rand.Rand, s string) string {
		p, q := parts(s)
		r.Shuffle(len(q), func(i, j int) { q[i], q[j] = q[j], q[i] })
		return whole(p, q)
	}},
	{"a parameter less", func(r *rand.Rand, s string) string {
		p, q := parts(s)
		i := r.IntN(len(q))
		return whole(p, slices.Delete(q, i, i+1))
	}},
	{"a parameter more", func(r *rand.Rand, s string) string {
		p, q := parts(s)
		more := []string{"redirect=1", "redirect=0", "utm_source=x", "v=", "v=0123456789abcdef", "x=y", "", "=", "tenant=globex", "alg=none"}
		return whole(p, slices.Insert(q, r.IntN(len(q)+1), more[r.IntN(len(more))]))
	}},
	{"a parameter without its value", func(r *rand.Rand, s string) string {
		p, q := parts(s)
		i := r.IntN(len(q))
		q[i], _, _ = strings.Cut(q[i], "=")
		return whole(p, q)
	}},
	{"a name in another case", func(r *rand.Rand, s string) string {
		p, q := parts(s)
		i := r.IntN(len(q))
		name, v, _ := strings.Cut(q[i], "=")
		q[i] = strings.ToUpper(name) + "=" + v
		return whole(p, q)
	}},
	{"a number written longer", func(r *rand.Rand, s string) string {
		return strings.Replace(s, "exp=", "exp="+[]string{"0", "+", "-", "%20", "0x", " "}[r.IntN(6)], 1)
	}},
	{"a longer life", func(r *rand.Rand, s string) string {
		p, q := parts(s)
		n, _ := strconv.ParseInt(strings.TrimPrefix(q[0], "exp="), 10, 64)
		q[0] = "exp=" + strconv.FormatInt(n+1+r.Int64N(1e6), 10)
		return whole(p, q)
	}},
	{"semicolons", func(r *rand.Rand, s string) string {
		p, q := parts(s)
		i := 1 + r.IntN(len(q)-1)
		return p + "?" + strings.Join(q[:i], "&") + ";" + strings.Join(q[i:], "&")
	}},
	{"something behind it", func(r *rand.Rand, s string) string {
		more := []string{"?", "&", "#", "#x", "/", "%00", "%20", "=", "==", ";", "\t", "?exp=1", "%0d%0a", "\u00e9"}
		return s + more[r.IntN(len(more))]
	}},
	{"another path to it", func(r *rand.Rand, s string) string {
		p, q := parts(s)
		from := strings.Split(p, "/")
		i := 1 + r.IntN(len(from)-1)
		more := []string{"", ".", "%2e", "x/..", "..", from[i], ";a=b"}
		return whole(strings.Join(slices.Insert(from, i, more[r.IntN(len(more))]), "/"), q)
	}},
	{"an end to the path", func(r *rand.Rand, s string) string {
		p, q := parts(s)
		return whole(p+[]string{"/", "/x.css", ".css", "%2f", "/.", "//", "%00", ";x"}[r.IntN(8)], q)
	}},
	{"a host in it", func(r *rand.Rand, s string) string {
		return []string{"/" + s, "//evil.example" + s, "\\" + s, "/%2f" + s}[r.IntN(4)]
	}},
	{"padding", func(r *rand.Rand, s string) string {
		end := strings.Index(s, "&sig=") + 5 + 64
		return s[:end] + []string{"=", "%3D", "=="}[r.IntN(3)] + s[end:]
	}},
	{"a shorter signature", func(r *rand.Rand, s string) string {
		start := strings.Index(s, "&sig=") + 5
		return s[:start+r.IntN(64)] + s[start+64:]
	}},
	{"a byte less", func(r *rand.Rand, s string) string { i := r.IntN(len(s)); return s[:i] + s[i+1:] }},
	{"a byte more", func(r *rand.Rand, s string) string {
		i := r.IntN(len(s) + 1)
		return s[:i] + string([]byte{byte(r.IntN(256))}) + s[i:]
	}},
}

// forged yields n other ways of writing a link, one or two changes away from it.
func forged(r *rand.Rand, n int, target string, try func(name, other string)) {
	for n > 0 {
		f := forges[r.IntN(len(forges))]
		name, other := f.name, f.do(r, target)
		if r.IntN(3) == 0 {
			if g := forges[r.IntN(len(forges))]; strings.Contains(other, "&sig=") && len(other) > strings.Index(other, "&sig=")+5+64 && strings.Contains(other, "?") {
				name, other = name+" and "+g.name, twice(g, r, other)
			}
		}
		if other != target {
			try(name, other)
			n--
		}
	}
}

// twice is a second change, of what the first may have made unfit for it.
func twice(f forge, r *rand.Rand, s string) (other string) {
	other = s
	defer func() { _ = recover() }()
	return f.do(r, s)
}

// strict is what the service does to know a link.
func strict(keys access.LinkKeys, target string) bool {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return false
	}
	l, err := rest.ReadTarget(u)
	return err == nil && keys.Verify(l.Link, l.KeyID, l.Signature, time.Now()) == nil
}

// lenient checks the same signature of what an address means, however it is written:
// what many services do, and what the test has to be able to catch.
func lenient(keys access.LinkKeys, target string) bool {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return false
	}
	segments := strings.Split(strings.Trim(path.Clean(u.Path), "/"), "/")
	q := u.Query()
	exp, err := strconv.ParseInt(q.Get("exp"), 10, 64)
	if err != nil || len(segments) < 5 {
		return false
	}
	l := core.Link{
		Image: core.ID(strings.ToLower(segments[2])), Variant: segments[4], Version: q.Get("v"), Expires: time.Unix(exp, 0), Redirect: q.Get("redirect") == "1",
	}
	mac, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(q.Get("sig"), "="))
	return err == nil && keys.Verify(l, q.Get("kid"), base64.RawURLEncoding.EncodeToString(mac), time.Now()) == nil
}

func TestNoOtherWayOfWritingALinkIsTaken(t *testing.T) {
	keys, err := access.NewLinkKeys(keyOne + "," + keyTwo)
	if err != nil {
		t.Fatal(err)
	}
	const each = 25_000
	seen, slipped, caught := map[string]int{}, 0, map[string]int{}
	for i, l := range []core.Link{{Version: "0123456789abcdef"}, {Version: "0123456789abcdef", Redirect: true}, {Redirect: true}, {}} {
		l.Image, l.Variant, l.Expires = "0198c0de-5d7a-7e6b-9c1d-3f2a1b0c9d8e", "thumb_2-x", time.Now().Add(time.Hour).Truncate(time.Second)
		kid, sig, err := keys.Sign("acme", l)
		if err != nil {
			t.Fatal(err)
		}
		target := rest.Target(deliver.Signed{Link: l, KeyID: kid, Signature: sig})
		if !strict(keys, target) || !lenient(keys, target) {
			t.Fatalf("the link itself is refused: %s", target)
		}
		forged(rand.New(rand.NewPCG(uint64(i), 7)), each, target, func(name, other string) {
			seen[name]++
			if strict(keys, other) {
				t.Errorf("with %s the link is still taken:\n%q is\n%q", name, target, other)
			}
			if lenient(keys, other) {
				caught[name]++
				slipped++
			}
		})
	}
	t.Logf("%d other ways of writing four links, %d kinds; a lenient reader takes %d of them, of %d kinds", 4*each, len(seen), slipped, len(caught))
	for _, f := range forges {
		if seen[f.name] < 100 {
			t.Errorf("%s was tried %d times", f.name, seen[f.name])
		}
	}
	// The control: the test sees it when other ways are taken.
	for _, name := range []string{"a byte encoded", "a parameter twice", "another order", "a parameter more", "something behind it", "another path to it", "padding", "a host in it", "a number written longer"} {
		if caught[name] == 0 {
			t.Errorf("with %s no lenient reader takes a link: the test proves nothing of it", name)
		}
	}
}

func TestNoOtherWayOfWritingALinkIsAnswered(t *testing.T) {
	keys, _ := signing(t, keyOne)
	public, err := access.NewPublicBuckets([]string{"acme/press"})
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, keys, func(s *rest.Server) { s.Deliver.Public = func() access.PublicBuckets { return public } })
	j := s.upload(t, "x")
	s.run(t)
	target := s.links(t, j.ImageID, `{"variants":["medium"]}`)[0].URL
	address := strings.TrimPrefix(s.url, "http://")
	if status := raw(t, address, target); status != 200 {
		t.Fatalf("the link itself is answered %d", status)
	}
	statuses := map[int]int{}
	forged(rand.New(rand.NewPCG(1, 2)), 400, target, func(name, other string) {
		status := raw(t, address, other)
		statuses[status]++
		if status < 400 {
			t.Errorf("with %s the link is answered %d: %q", name, status, other)
		}
	})
	t.Logf("the answers: %v", statuses)
}

// raw asks for a target as it is written, and returns the status.
func raw(t *testing.T, address, target string) int {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", target); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%q: %v", target, err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}
