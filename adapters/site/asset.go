package site

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// asset is a file that is the same for everybody. Browsers keep it and ask each time
// whether it is still the same, so that a new build is seen at once.
type asset struct {
	contentType string
	tag         string
	plain       func() ([]byte, error)
	zipped      func() ([]byte, error)
}

var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
}

func newAsset(name string, text []byte) asset {
	return asset{
		contentType: types[path.Ext(name)], tag: tagOf(text),
		plain:  func() ([]byte, error) { return text, nil },
		zipped: sync.OnceValues(func() ([]byte, error) { return zip(text) }),
	}
}

// zippedAsset is one that comes compressed.
func zippedAsset(name string, text []byte) asset {
	return asset{
		contentType: types[path.Ext(name)], tag: tagOf(text),
		plain:  sync.OnceValues(func() ([]byte, error) { return unzip(text) }),
		zipped: func() ([]byte, error) { return text, nil },
	}
}

func tagOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

func zip(text []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	err := w.Close()
	return out.Bytes(), err
}

func unzip(text []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// ServeHTTP answers the file, compressed for those who take that.
func (a asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Encoding")
	bytesOf, tag := a.plain, a.tag
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		bytesOf, tag = a.zipped, a.tag+"-gzip"
		h.Set("Content-Encoding", "gzip")
	}
	text, err := bytesOf()
	if err != nil { // never of what is in the binary
		panic(err)
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}
