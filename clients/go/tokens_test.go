package imgd_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	imgd "imgd/clients/go"
	"imgd/clients/go/api"
)

func withoutToken(t *testing.T, w world, s scenario) {
	_, err := client(t, w.Locked, imgd.Options{}).ListImagesWithResponse(t.Context(), nil)
	refused(t, s, err)
}

func withoutScope(t *testing.T, w world, s scenario) {
	_, err := client(t, w.Locked, with(w.Reader)).Upload(t.Context(), w.upload(t, s))
	if p := refused(t, s, err); p.Members[s.Member] != "images:write" {
		t.Errorf("the members are %v", p.Members)
	}
}

func withToken(t *testing.T, w world, s scenario) {
	var asked atomic.Int64
	c := client(t, w.Locked, imgd.Options{Token: func(context.Context) (string, error) { asked.Add(1); return w.Token, nil }})
	hasSizes(t, w.sent(t, c, s), s.Sizes)
	if asked.Load() < 2 {
		t.Errorf("the token was asked for %d times, want once a request", asked.Load())
	}
	c = client(t, w.Locked, imgd.Options{Token: func(context.Context) (string, error) { return "", io.ErrUnexpectedEOF }})
	if _, err := c.GetStatsWithResponse(t.Context()); err == nil || !strings.Contains(err.Error(), "no token to send: unexpected EOF") {
		t.Errorf("without a token to send the error is %v", err)
	}
}

func signedLink(t *testing.T, w world, s scenario) {
	c := client(t, w.Locked, with(w.Token))
	i := w.sent(t, c, s)
	list := must(c.CreateLinksWithResponse(t.Context(), i.ID, api.LinkRequest{Variants: []string{"small"}}))(t).JSON200
	link := list.Items[0].URL
	if status, body := plain(t, link); status != http.StatusOK || int64(len(body)) != *find(t, i, "small").Bytes {
		t.Errorf("the link is answered %d with %d bytes", status, len(body))
	}
	status, body := plain(t, link[:len(link)-1]+map[bool]string{true: "B", false: "A"}[strings.HasSuffix(link, "A")])
	var p api.Problem
	if err := json.Unmarshal(body, &p); err != nil || status != s.Status || imgd.ProblemOf(&p).Slug != s.Problem {
		t.Errorf("an altered link is answered %d %s", status, body)
	}
}

// plain is what anybody gets.
func plain(t *testing.T, url string) (status int, body []byte) {
	t.Helper()
	req := must(http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil))(t)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	return resp.StatusCode, must(io.ReadAll(resp.Body))(t)
}
