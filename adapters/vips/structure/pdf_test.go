package structure

import (
	"bytes"
	"strings"
	"testing"

	"imgd/core"
	"imgd/e2e/scene"
)

func pdfFile() []byte { return scene.PDF("", scene.Filled(40, 30, 1, 0, 0)) }

func TestHostilePDFs(t *testing.T) {
	sound := string(pdfFile())
	for name, c := range map[string]struct {
		data string
		want core.Slug
	}{
		"encrypted":                 {string(scene.PDF("/Encrypt 9 0 R", scene.Filled(9, 9, 1, 0, 0))), core.ImageUndecodable},
		"encrypted on the spot":     {string(scene.PDF("/Encrypt<</Filter/Standard>>", scene.Filled(9, 9, 1, 0, 0))), core.ImageUndecodable},
		"of version 3":              {"%PDF-3.0" + sound[8:], core.ImageUndecodable},
		"without a version":         {"%PDF-" + strings.Repeat(" ", 100) + sound, core.ImageUndecodable},
		"nothing but its signature": {"%PDF-", core.ImageTruncated},
		"without a trailer":         {sound[:len(sound)-30], core.ImageTruncated},
		"a trailer out of reach":    {sound + strings.Repeat("x", 3000), core.ImageTruncated},
		"a table beyond its end":    {strings.Replace(sound, "startxref\n", "startxref\n99", 1), core.ImageUndecodable},
		"a table out of this world": {strings.Replace(sound, "startxref\n", "startxref\n9999999999999999", 1), core.ImageUndecodable},
		"half a million objects":    {sound[:9] + strings.Repeat("1 0 obj null endobj\n", 500_001) + sound[9:], core.ImageTooComplex},
		"a picture that is huge":    {sound[:9] + "9 0 obj<</Subtype/Image/Width 4000000000/Height 2>>endobj\n" + sound[9:], core.ImageTooComplex},
		"more bytes than are read":  {sound[:9] + strings.Repeat("%comment\n", 8<<20) + sound[9:], core.ImageTooComplex},
	} {
		t.Run(name, func(t *testing.T) { refused(t, PDF, []byte(c.data), c.want) })
	}
}

func TestWhatAPDFHidesOnASeamIsFound(t *testing.T) {
	sound := string(pdfFile())
	for n := range 80 {
		pad := strings.Repeat("x", stepWindow-70+n)
		refused(t, PDF, []byte(sound[:9]+"%"+pad+"\n/Encrypt 123456 0 R\n"+sound[9:]), core.ImageUndecodable)
	}
}

func TestPDFsWithHarmlessThingsAreAccepted(t *testing.T) {
	sound := pdfFile()
	for name, more := range map[string]string{
		"a script":         "9 0 obj<</S/JavaScript/JS(app.alert\\(1\\))>>endobj\n",
		"a launch":         "9 0 obj<</S/Launch/F(/bin/sh)>>endobj\n",
		"a large enclosed": "9 0 obj<</Type/EmbeddedFile/Params<</Size 12345678>>/Length 0>>stream\n\nendstream endobj\n",
		"a similar name":   "9 0 obj<</EncryptMetadata true/Widths [100000 1]>>endobj\n",
	} {
		data := bytes.Join([][]byte{sound[:9], []byte(more), sound[9:]}, nil)
		if o := accepted(t, PDF, data); o.Format != PDF || o.Frames != 1 || o.Alpha {
			t.Errorf("%s: got %+v, want an opaque still", name, o)
		}
	}
}
