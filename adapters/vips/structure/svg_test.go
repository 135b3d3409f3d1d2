package structure

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"imgd/core"
)

// svgOf is a document with a body.
func svgOf(body string) []byte {
	return []byte(`<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="40" height="30">` + body + `</svg>`)
}

func svgFile(w, h int) []byte {
	return fmt.Appendf(nil, `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d"><rect width="9" height="9"/></svg>`, w, h)
}

// dataURI is a picture as a document embeds it.
func dataURI(kind string, data []byte) string {
	return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data)
}

// doubling is a chain of groups, each of which uses the one before it twice.
func doubling(n int, use string) string {
	var b strings.Builder
	b.WriteString(`<g id="g0"><rect width="1" height="1"/></g>`)
	for i := range n {
		fmt.Fprintf(&b, `<g id="g%d">`, i+1)
		b.WriteString(strings.Repeat(fmt.Sprintf(use, i), 2))
		b.WriteString(`</g>`)
	}
	return b.String()
}

// Old editors wrote a document type into every file: whoever sends one is told what to
// take out, and where it is.
func TestADocumentTypeIsRefusedWithItsLine(t *testing.T) {
	head := "<?xml version=\"1.0\"?>\n<!-- drawn by hand -->\n"
	for name, doctype := range map[string]string{
		"in one line": `<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">`,
		"in three":    "<!DOCTYPE svg [\n<!ENTITY a 'b'>\n]>",
	} {
		data := head + doctype + "\n" + string(svgOf(""))
		_, err := Walk(SVG, strings.NewReader(data), int64(len(data)), Limits{})
		if core.SlugOf(err) != core.SVGNotAllowed || !strings.Contains(err.Error(), "<!DOCTYPE ...>) in line 3,") || !strings.Contains(err.Error(), "delete it") {
			t.Errorf("%s: got %v, want that the line 3 and what to delete are named", name, err)
		}
	}
}

func TestHostileSVGs(t *testing.T) {
	png := pngFile(t, picture(4, 4))
	for name, c := range map[string]struct {
		data string
		want core.Slug
	}{
		"a billion laughs":              {`<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>` + string(svgOf("<desc>&b;</desc>")), core.SVGNotAllowed},
		"an entity that is a file":      {`<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + string(svgOf("<desc>&x;</desc>")), core.SVGNotAllowed},
		"a plain document type":         {`<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">` + string(svgOf("")), core.SVGNotAllowed},
		"an entity of no one":           {string(svgOf("<desc>&x;</desc>")), core.ImageUndecodable},
		"a style sheet of elsewhere":    {`<?xml-stylesheet href="http://127.0.0.1/a.css"?>` + string(svgOf("")), core.SVGNotAllowed},
		"an inclusion":                  {string(svgOf(`<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>`)), core.SVGNotAllowed},
		"a picture that is a file":      {string(svgOf(`<image xlink:href="file:///etc/passwd" width="9" height="9"/>`)), core.SVGNotAllowed},
		"a picture by an odd prefix":    {string(svgOf(`<image q:href="file:///etc/passwd" width="9" height="9"/>`)), core.SVGNotAllowed},
		"a picture of the network":      {string(svgOf(`<image href=" http://127.0.0.1/x.png" width="9" height="9"/>`)), core.SVGNotAllowed},
		"a relative picture":            {string(svgOf(`<image href="x.png"/>`)), core.SVGNotAllowed},
		"another base":                  {string(svgOf(`<g xml:base="file:///etc/"/>`)), core.SVGNotAllowed},
		"a use of another file":         {string(svgOf(`<use href="other.svg#a"/>`)), core.SVGNotAllowed},
		"a use of an enclosed file":     {string(svgOf(`<use href="data:image/svg+xml;base64,AAAA#a"/>`)), core.SVGNotAllowed},
		"an SVG in an image":            {string(svgOf(`<image href="data:image/svg+xml;base64,AAAA"/>`)), core.SVGNotAllowed},
		"a GIF in an image":             {string(svgOf(`<image href="` + dataURI("image/gif", gifFile(t, 2, 2, 1)) + `"/>`)), core.SVGNotAllowed},
		"a PNG that is none":            {string(svgOf(`<image href="` + dataURI("image/png", []byte("GIF89a")) + `"/>`)), core.ImageUndecodable},
		"a PNG that is no base64":       {string(svgOf(`<image href="data:image/png;base64,%%%"/>`)), core.ImageUndecodable},
		"a PNG that is cut off":         {string(svgOf(`<image href="` + dataURI("image/png", png[:len(png)-9]) + `"/>`)), core.ImageTruncated},
		"a fill of elsewhere":           {string(svgOf(`<rect fill="URL('http://127.0.0.1/#a')"/>`)), core.SVGNotAllowed},
		"a style of elsewhere":          {string(svgOf(`<rect style="stroke:red;fill:url( file:///etc/passwd )"/>`)), core.SVGNotAllowed},
		"a style with an escape":        {string(svgOf(`<rect style="fill:\75rl(file:///etc/passwd)"/>`)), core.SVGNotAllowed},
		"a fill with an escape":         {string(svgOf(`<rect fill="\75rl(file:///etc/passwd)"/>`)), core.SVGNotAllowed},
		"a filter in a data URI":        {string(svgOf(`<rect filter="url(data:image/svg+xml;base64,AAAA#f)"/>`)), core.SVGNotAllowed},
		"a sheet that imports":          {string(svgOf(`<style>@IMPORT "http://127.0.0.1/a.css";</style>`)), core.SVGNotAllowed},
		"a sheet of elsewhere":          {string(svgOf(`<style>rect{fill:url(http://127.0.0.1/#a)}</style>`)), core.SVGNotAllowed},
		"a sheet with an escape":        {string(svgOf(`<style>rect{fill:u\72l(x)}</style>`)), core.SVGNotAllowed},
		"a font with a part":            {string(svgOf(`<style>@font-face{src:url(data:application/xml,x#f)}</style>`)), core.SVGNotAllowed},
		"a script":                      {string(svgOf(`<script>alert(1)</script>`)), core.SVGNotAllowed},
		"a script by another prefix":    {string(svgOf(`<h:script xmlns:h="http://www.w3.org/1999/xhtml"/>`)), core.SVGNotAllowed},
		"foreign content":               {string(svgOf(`<foreignObject><p/></foreignObject>`)), core.SVGNotAllowed},
		"turbulence":                    {string(svgOf(`<filter id="f"><feTurbulence numOctaves="999999"/></filter><rect filter="url(#f)"/>`)), core.SVGNotAllowed},
		"a picture in a filter":         {string(svgOf(`<filter id="f"><feImage href="#f"/></filter>`)), core.SVGNotAllowed},
		"an iframe":                     {string(svgOf(`<iframe/>`)), core.SVGNotAllowed},
		"uses that double":              {string(svgOf(doubling(25, `<use href="#g%d"/>`))), core.ImageTooComplex},
		"patterns that double":          {string(svgOf(doubling(25, `<pattern fill="url(#g%d)"/>`))), core.ImageTooComplex},
		"masks that double":             {string(svgOf(doubling(25, `<mask style="mask:url(#g%d)"/>`))), core.ImageTooComplex},
		"a sheet that fills":            {string(svgOf(`<style>*{fill:url(#p)}</style><pattern id="p">` + strings.Repeat("<rect/>", 1500) + `</pattern>`)), core.ImageTooComplex},
		"a group that fills":            {string(svgOf(`<g fill="url(#p)">` + strings.Repeat("<rect/>", 1500) + `</g><pattern id="p">` + strings.Repeat("<rect/>", 1500) + `</pattern>`)), core.ImageTooComplex},
		"a use that fills":              {string(svgOf(`<use href="#g" fill="url(#p)"/><g id="g">` + strings.Repeat("<rect/>", 1500) + `</g><pattern id="p">` + strings.Repeat("<rect/>", 1500) + `</pattern>`)), core.ImageTooComplex},
		"markers on every corner":       {string(svgOf(`<g marker-mid="url(#m)"><path d="` + strings.Repeat("h1", 10000) + `"/></g><marker id="m">` + strings.Repeat("<rect/>", 200) + `</marker>`)), core.ImageTooComplex},
		"filters without end":           {string(svgOf(`<filter id="f">` + strings.Repeat("<feOffset/>", 20) + `</filter>` + strings.Repeat(`<rect filter="url(#f)"/>`, 100))), core.ImageTooComplex},
		"a long filter":                 {string(svgOf(`<filter id="f">` + strings.Repeat("<feOffset/>", 40) + `</filter><rect filter="url(#f)"/>`)), core.ImageTooComplex},
		"surfaces in surfaces":          {string(svgOf(strings.Repeat(`<g opacity=".5">`, 40) + strings.Repeat(`</g>`, 40))), core.ImageTooComplex},
		"surfaces by a sheet":           {string(svgOf(`<style>g{opacity:.5}</style>` + strings.Repeat(`<g>`, 40) + strings.Repeat(`</g>`, 40))), core.ImageTooComplex},
		"a use of what it is in":        {string(svgOf(`<g id="a"><use href="#a"/></g>`)), core.SVGNotAllowed},
		"two that use each other":       {string(svgOf(`<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>`)), core.SVGNotAllowed},
		"a long chain of uses":          {string(svgOf(doubling(300, `<use href="#g%d"/>`))), core.ImageTooComplex},
		"a million elements":            {string(svgOf(strings.Repeat("<g/>", 1_000_000))), core.ImageTooComplex},
		"a depth of a hundred thousand": {string(svgOf(strings.Repeat("<g>", 100_000))), core.ImageTooComplex},
		"a depth in another language":   {string(svgOf(strings.Repeat("<x xmlns=''>", 200))), core.ImageTooComplex},
		"a long attribute":              {string(svgOf(`<path d="` + strings.Repeat("h1", 5<<20) + `"/>`)), core.ImageTooComplex},
		"more bytes than are read":      {string(svgOf(strings.Repeat(" ", 17<<20))), core.ImageTooComplex},
		"many large pictures":           {string(svgOf(strings.Repeat(`<image href="`+dataURI("image/png", claiming(t, 16000, 16000))+`"/>`, 2))), core.ImageTooComplex},
		"one too large picture":         {string(svgOf(`<image href="` + dataURI("image/png", claiming(t, 70000, 10)) + `"/>`)), core.ImageTooLarge},
		"a huge size":                   {`<svg xmlns="http://www.w3.org/2000/svg" width="1e9" height="1e9"/>`, core.ImageTooLarge},
		"a size beyond numbers":         {`<svg xmlns="http://www.w3.org/2000/svg" width="1e999" height="9"/>`, core.ImageUndecodable},
		"a size that is no number":      {`<svg xmlns="http://www.w3.org/2000/svg" width="NaN" height="9"/>`, core.ImageUndecodable},
		"an infinite size":              {`<svg xmlns="http://www.w3.org/2000/svg" width="Inf" height="9"/>`, core.ImageUndecodable},
		"a negative size":               {`<svg xmlns="http://www.w3.org/2000/svg" width="-9" height="9"/>`, core.ImageUndecodable},
		"no size":                       {`<svg xmlns="http://www.w3.org/2000/svg" width="0" height="9"/>`, core.ImageUndecodable},
		"a box of nothing":              {`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 0 0"/>`, core.ImageUndecodable},
		"a box that is no number":       {`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 NaN 9"/>`, core.ImageUndecodable},
		"another encoding":              {`<?xml version="1.0" encoding="UTF-16"?>` + string(svgOf("")), core.ImageUndecodable},
		"bytes of another encoding":     {string(svgOf("<desc>\xe9</desc>")), core.ImageUndecodable},
		"two roots":                     {string(svgOf("")) + string(svgOf("")), core.ImageUndecodable},
		"words behind the end":          {string(svgOf("")) + "more", core.ImageUndecodable},
		"another root":                  {`<html xmlns="http://www.w3.org/1999/xhtml"/>`, core.ImageUndecodable},
		"no namespace":                  {`<svg width="9" height="9"/>`, core.ImageUndecodable},
		"tags that cross":               {string(svgOf("<g><a></g></a>")), core.ImageUndecodable},
		"an attribute without quotes":   {string(svgOf("<g id=a/>")), core.ImageUndecodable},
		"nothing":                       {"", core.ImageUndecodable},
		"nothing but a prolog":          {"<?xml version='1.0'?>", core.ImageUndecodable},
		"half a document":               {string(svgOf("<g>"))[:112], core.ImageTruncated},
	} {
		t.Run(name, func(t *testing.T) {
			if e := refused(t, SVG, []byte(c.data), c.want); strings.Contains(e.Detail, "\n") {
				t.Errorf("the detail has a line break in it: %q", e.Detail)
			}
		})
	}
}

// claiming is a PNG of a size, with as few bytes as that takes.
func claiming(t *testing.T, w, h uint32) []byte {
	t.Helper()
	data := strings.Repeat("x", int(uint64(w)*uint64(h)/8/deflateRatio)+1)
	return []byte(pngMagic + ihdr(w, h, 1, 0) + chunk("IDAT", data) + chunk("IEND", ""))
}

func TestWhatIsNoTextIsNoSVG(t *testing.T) {
	wide := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(string(svgFile(9, 9)))) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for name, data := range map[string][]byte{"UTF-16": wide, "compressed": []byte("\x1f\x8b\x08\x00" + deflated(string(svgFile(9, 9))))} {
		if f, known := Sniff(data); known {
			t.Errorf("%s: got %q, want it unknown", name, f)
		}
	}
}

func TestOrdinarySVGsAreAccepted(t *testing.T) {
	for name, body := range map[string]string{
		"notes of an editor":  `<metadata><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" r:about=""/></metadata><i:view xmlns:i="http://www.inkscape.org/x" i:path="C:\a (1)"/>`,
		"a link":              `<a href="https://example.com/"><rect/></a>`,
		"a gradient":          `<linearGradient id="a"/><linearGradient id="b" xlink:href="#a"/><rect fill="url(#b)"/>`,
		"a name of nobody":    `<rect fill="url(#nobody)"/><use href="#nobody"/>`,
		"a shadow":            `<filter id="f"><feGaussianBlur/><feOffset/><feMerge><feMergeNode/><feMergeNode/></feMerge></filter><g filter="url(#f)"><rect/></g>`,
		"a clip of a class":   `<style>.a{clip-path:url(#c);fill:#f00}</style><clipPath id="c"><rect/></clipPath><g class="a"><rect/></g>`,
		"an embedded font":    `<style>@font-face{font-family:x;src:url("data:font/woff2;base64,AAAA")}</style>`,
		"a cascade of styles": `<g style="opacity:1;isolation:auto;mix-blend-mode:normal;fill:none"/>`,
		"handlers of events":  `<rect onclick="alert(1)"/>`,
		"an animation":        `<rect><animate attributeName="x" from="0" to="9"/></rect>`,
		"a sprite":            `<symbol id="s" viewBox="0 0 9 9"><path d="M0 0h9"/></symbol>` + strings.Repeat(`<use href="#s"/>`, 100),
		"pictures":            `<image href="` + dataURI("image/png", pngFile(t, picture(4, 4))) + `"/><image xlink:href="` + dataURI("image/jpeg", jpegFile(t, 5, 4)) + `"/>`,
		"a doctype in words":  `<desc><![CDATA[<!DOCTYPE x>]]></desc><!-- <script/> -->`,
	} {
		o := accepted(t, SVG, svgOf(body))
		if o.Width != 40 || o.Height != 30 || !o.Alpha || o.Frames != 1 || o.Text {
			t.Errorf("%s: got %+v, want 40 x 30 with alpha", name, o)
		}
	}
	if o := accepted(t, SVG, svgOf(`<text>words</text>`)); !o.Text {
		t.Error("a document with text: the outline does not say so")
	}
	if o := accepted(t, SVG, svgOf(`<g opacity=".5"><g style="opacity:.3"/><g opacity="1"/></g>`)); o.Layers != 2 {
		t.Errorf("two surfaces in each other: got %d", o.Layers)
	}
	if o := accepted(t, SVG, svgOf(`<image href="`+dataURI("image/png", pngFile(t, picture(4, 4)))+`"/>`)); o.EmbeddedPixels != 16 {
		t.Errorf("a picture of 16 pixels: got %d", o.EmbeddedPixels)
	}
}

func TestTheSizeOfAnSVG(t *testing.T) {
	for attributes, want := range map[string][2]int{
		``:                                          {300, 150},
		`width="20" height="10"`:                    {20, 10},
		`width="20.6px" height=" 10.4 "`:            {21, 10},
		`width="1in" height="72pt"`:                 {96, 96},
		`width="210mm" height="29.7cm"`:             {794, 1123},
		`width="2pc" height="2em"`:                  {32, 32},
		`width="4ex" height="101.6Q"`:               {32, 96},
		`viewBox="0 0 24 12"`:                       {24, 12},
		`viewBox="-5,-5 24,12"`:                     {24, 12},
		`viewBox="" width="9"`:                      {9, 150},
		`width="48" viewBox="0 0 24 12"`:            {48, 24},
		`height="48" viewBox="0 0 24 12"`:           {96, 48},
		`width="100%" height="100%"`:                {300, 150},
		`width="100%" height="6" viewBox="0 0 2 1"`: {12, 6},
		`width="auto" height="6"`:                   {300, 6},
		`width="9" height="9" style="enable-background:new 0 0 1 1;width:50px;HEIGHT : 30px!important"`: {50, 30},
		`width="0.2" height="1e1"`: {1, 10},
	} {
		o := accepted(t, SVG, []byte(`<svg xmlns="http://www.w3.org/2000/svg" `+attributes+`/>`))
		if o.Width != want[0] || o.Height != want[1] {
			t.Errorf("%s: got %d x %d, want %d x %d", attributes, o.Width, o.Height, want[0], want[1])
		}
	}
}

func TestAnSVGDrawnAtASizeIsStillOne(t *testing.T) {
	for name, data := range map[string]string{
		"plain":         string(svgFile(40, 30)),
		"empty":         `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"/>`,
		"with a prefix": `<?xml version="1.0"?><!-- a --><s:svg xmlns:s="http://www.w3.org/2000/svg" width="40" height="30" s:x="&quot;&lt;"></s:svg><!-- z -->` + "\n",
		"with a mark":   "\xef\xbb\xbf" + string(svgFile(40, 30)),
	} {
		accepted(t, SVG, []byte(data))
		drawn, err := DrawnAt([]byte(data), 123, 45)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if o := accepted(t, SVG, drawn); o.Width != 123 || o.Height != 45 {
			t.Errorf("%s: got %d x %d of\n%s", name, o.Width, o.Height, drawn)
		}
	}
}

// FuzzSVG holds the walker of SVG to its promises, and what is drawn of a document
// to be one that would be accepted, but for its size.
func FuzzSVG(f *testing.F) {
	f.Add(svgFile(40, 30))
	f.Add(svgOf(doubling(4, `<use href="#g%d"/>`)))
	f.Add(svgOf(`<style>.a{fill:url(#p)}</style><pattern id="p"/><mask id="m"/><g class="a" style="mask:url(#m);opacity:.5"/>`))
	f.Add([]byte("\xef\xbb\xbf<?xml?><!-- --><svg>"))
	limits := Limits{MaxSide: 5000, MaxPixels: 1 << 20, Elements: 100, Depth: 20, Steps: 1000}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := Walk(SVG, strings.NewReader(string(data)), int64(len(data)), limits)
		if err != nil {
			if e, ok := errors.AsType[*core.Error](err); !ok || e.Detail == "" {
				t.Errorf("Walk: got %v, want one of its refusals", err)
			}
			return
		}
		if o.Width < 1 || o.Height < 1 || o.Width > limits.MaxSide || int64(o.Width)*int64(o.Height) > limits.MaxPixels {
			t.Errorf("Walk: accepted %+v", o)
		}
		drawn, err := DrawnAt(data, 64, 48)
		if err != nil {
			t.Fatalf("DrawnAt: %v", err)
		}
		limits := limits
		limits.Elements, limits.Depth, limits.Steps = limits.Elements+2, limits.Depth+1, limits.Steps+8
		if o, err := Walk(SVG, strings.NewReader(string(drawn)), int64(len(drawn)), limits); err != nil || o.Width != 64 || o.Height != 48 {
			t.Errorf("what is drawn of it: got %+v and %v\n%s", o, err, drawn)
		}
	})
}
