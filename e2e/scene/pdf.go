package scene

import (
	"bytes"
	"fmt"
	"strings"
)

// A Page of a PDF has a size in points and what is drawn on it, in the language of
// PDF.
type Page struct {
	Width, Height float64
	Content       string
}

// Filled is a page of one colour, of which each part is 0 to 1.
func Filled(w, h, r, g, b float64) Page {
	return Page{w, h, fmt.Sprintf("%g %g %g rg 0 0 %g %g re f", r, g, b, w, h)}
}

// PDF is a document of pages, which may set text in Helvetica, as F1. More is added
// to its trailer.
func PDF(more string, pages ...Page) []byte {
	var kids strings.Builder
	for i := range pages {
		fmt.Fprintf(&kids, "%d 0 R ", 3+2*i)
	}
	objects := []string{"<</Type/Catalog/Pages 2 0 R>>", fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d>>", kids.String(), len(pages))}
	const fonts = "<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
	for i, p := range pages {
		objects = append(objects,
			fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 %g %g]/Contents %d 0 R/Resources%s>>", p.Width, p.Height, 4+2*i, fonts),
			fmt.Sprintf("<</Length %d>>stream\n%s\nendstream", len(p.Content), p.Content))
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var table strings.Builder
	for i, o := range objects {
		fmt.Fprintf(&table, "%010d 00000 n \n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj%sendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n",
		len(objects)+1, table.String(), len(objects)+1, more, start)
	return b.Bytes()
}
