package embedded

import (
	"fmt"
	"strings"
	"testing"
)

func TestADocumentIsCheckedAsIfAnAttackerHadWrittenIt(t *testing.T) {
	var many []string
	for i := range maxTags + 1 {
		many = append(many, fmt.Sprintf(`"T%d":1`, i))
	}
	for name, text := range map[string]string{
		"nothing":            ``,
		"no JSON":            `{"exif":`,
		"a list":             `[]`,
		"null":               `null`,
		"empty":              `{"exif":{},"iptc":{},"xmp":{}}`,
		"another member":     `{"exif":{"Make":"x"},"image_id":"x"}`,
		"something behind":   `{"exif":{"Make":"x"}} {}`,
		"an object":          `{"exif":{"Make":{"a":"b"}}}`,
		"a truth":            `{"exif":{"Make":true}}`,
		"null in a tag":      `{"exif":{"Make":null}}`,
		"an empty text":      `{"exif":{"Make":""}}`,
		"an empty list":      `{"exif":{"Make":[]}}`,
		"lists in a list":    `{"exif":{"Make":[["x"]]}}`,
		"a long list":        `{"exif":{"Make":[` + strings.Repeat("1,", maxList) + `1]}}`,
		"a long text":        `{"exif":{"Make":"` + strings.Repeat("x", maxText+1) + `"}}`,
		"a control":          `{"exif":{"Make":"a\u0000b"}}`,
		"a line":             `{"exif":{"Make":"a\nb"}}`,
		"another direction":  `{"exif":{"Make":"a\u202eb"}}`,
		"half a character":   `{"exif":{"Make":"a` + "\xc3" + `"}}`,
		"a strange name":     `{"exif":{"a b":"x"}}`,
		"a long name":        `{"exif":{"` + strings.Repeat("n", 65) + `":"x"}}`,
		"a number too large": `{"exif":{"Make":1e999}}`,
		"many tags":          `{"exif":{` + strings.Join(many, ",") + `}}`,
		"a place":            `{"exif":{"GPSLatitude":47.5}}`,
		"too long":           `{"exif":{"Make":"x"}` + strings.Repeat(" ", MaxBytes) + `}`,
		"deep":               `{"exif":{"Make":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}}`,
	} {
		if got, err := Check([]byte(text), false); err == nil && name != "half a character" {
			t.Errorf("%s: Check lets %.100s pass", name, got)
		} else if err == nil && strings.Contains(string(got), "\xc3") {
			t.Errorf("%s: %q is kept", name, got)
		}
	}
}

func TestASoundDocumentIsKeptWithAllItsSources(t *testing.T) {
	got, err := Check([]byte(` {"exif": {"Make": "Acme & <Sons>", "ISO": 200, "Lens": [1.5, "x"]}, "xmp": null}`), false)
	if want := `{"exif":{"ISO":200,"Lens":[1.5,"x"],"Make":"Acme & <Sons>"},"iptc":{},"xmp":{}}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	if got, err := Check([]byte(`{"exif":{"GPSLatitude":47.5}}`), true); err != nil {
		t.Errorf("with leave a place is refused: %s, %v", got, err)
	}
}
