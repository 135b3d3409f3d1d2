package structure

import (
	"bytes"
	"regexp"
	"strconv"

	"imgd/core"
)

// pdfTail is how far from its end a PDF says where its table of contents is.
const pdfTail = 2048

// pdfSeam is more than anything that is looked for is long.
const pdfSeam = 64

var (
	pdfHeader  = regexp.MustCompile(`^%PDF-[12]\.[0-9]`)
	pdfStart   = regexp.MustCompile(`startxref\s+([0-9]{1,19})\s+%%EOF`)
	pdfEncrypt = regexp.MustCompile(`/Encrypt[\s]*(<<|[0-9]+\s+[0-9]+\s+R)`)
	pdfNumber  = regexp.MustCompile(`^\s+([0-9]+)`)
)

type pdfWalk struct {
	*Outline
	file    *window
	limits  Limits
	objects int
}

// walkPDF looks at the ends of the document, and through all of it for what needs no
// decoder to be seen: that it is encrypted, and how many objects and how large
// pictures there are. It does not follow the objects, which may be compressed:
// the decoder finds the pages, and their sizes.
func walkPDF(o *Outline, file *window, limits Limits) error {
	if file.size > limits.PDFBytes {
		return tooComplex(PDF, "bytes", int(limits.PDFBytes), file.size)
	}
	file.cut = cutOff(PDF, "before its trailer")
	o.Bands, o.Bits = 3, 8
	p := pdfWalk{Outline: o, file: file, limits: limits}
	head, err := file.at(0, 8)
	if err != nil {
		return err
	}
	if !pdfHeader.Match(head) {
		return damaged(PDF, "it is of no known version")
	}
	if err := p.trailer(); err != nil {
		return err
	}
	return p.scan()
}

// trailer finds the last word of the document.
func (p *pdfWalk) trailer() error {
	n := min(p.file.size, pdfTail)
	tail, err := p.file.at(p.file.size-n, int(n))
	if err != nil {
		return err
	}
	found := pdfStart.FindAllSubmatch(tail, -1)
	if found == nil {
		return p.file.cut
	}
	at, err := strconv.ParseInt(string(found[len(found)-1][1]), 10, 64)
	if err != nil || at >= p.file.size {
		return damaged(PDF, "its table of contents is not where it says")
	}
	return nil
}

// scan goes through the document in pieces that overlap, so that nothing hides on a
// seam.
func (p *pdfWalk) scan() error {
	for off := int64(0); off < p.file.size; off += stepWindow - pdfSeam {
		n := min(stepWindow, p.file.size-off)
		piece, err := p.file.at(off, int(n))
		if err != nil {
			return err
		}
		if err := p.piece(piece, off+n < p.file.size); err != nil {
			return err
		}
	}
	return nil
}

func (p *pdfWalk) piece(piece []byte, more bool) error {
	if bytes.Contains(piece, []byte("/Encrypt")) && pdfEncrypt.Match(piece) {
		return encrypted()
	}
	for _, side := range []string{"/Width", "/Height"} {
		if err := p.side(piece, []byte(side)); err != nil {
			return err
		}
	}
	if more {
		piece = piece[:len(piece)-pdfSeam+len(" obj")-1] // what begins later is in the next one
	}
	if p.objects += bytes.Count(piece, []byte(" obj")); p.objects > p.limits.Objects {
		return tooComplex(PDF, "objects", p.limits.Objects, p.objects)
	}
	return nil
}

// side looks at what every picture in the piece says of a side.
func (p *pdfWalk) side(piece, name []byte) error {
	for {
		_, rest, found := bytes.Cut(piece, name)
		if !found {
			return nil
		}
		piece = rest
		m := pdfNumber.FindSubmatch(rest[:min(len(rest), pdfSeam)])
		if m == nil {
			continue
		}
		n, _ := strconv.ParseInt(string(m[1]), 10, 64) // one beyond any is the largest
		if n > int64(p.limits.MaxSide) {
			return tooComplex(PDF, "pixels along a side of a picture", p.limits.MaxSide, n)
		}
	}
}

// encrypted refuses a document that only a password opens, or that keeps itself from
// being changed by one.
func encrypted() error {
	return core.ImageUndecodable.Errorf("the PDF is encrypted; save it without encryption and send it again")
}
