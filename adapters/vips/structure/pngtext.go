package structure

import (
	"bufio"
	"compress/flate"
	"io"
)

// pngCompressed says how the compressed text of a chunk is found.
var pngCompressed = map[string]func(*bufio.Reader) bool{
	"zTXt": afterKeyword,
	"iCCP": afterKeyword,
	"iTXt": afterLanguages,
}

// afterKeyword passes a keyword, its end and the compression method.
func afterKeyword(r *bufio.Reader) bool {
	return skipString(r) && skip(r, 1)
}

// afterLanguages passes a keyword, the compression flag and method, a language
// and a translated keyword. It is false for a text that is not compressed.
func afterLanguages(r *bufio.Reader) bool {
	if !skipString(r) {
		return false
	}
	flag, err := r.ReadByte()
	return err == nil && flag == 1 && skip(r, 1) && skipString(r) && skipString(r)
}

// inflater measures compressed texts with one set of buffers for all.
type inflater struct {
	in  *bufio.Reader
	out io.ReadCloser
}

// size is how many bytes the compressed part of a chunk unpacks to; it stops
// behind most. A damaged text counts as far as it goes: decoders leave it out.
func (f *inflater) size(chunk io.Reader, find func(*bufio.Reader) bool, most int64) int64 {
	if f.in == nil {
		f.in = bufio.NewReaderSize(chunk, stepWindow)
		f.out = flate.NewReader(f.in)
	}
	f.in.Reset(chunk)
	if !find(f.in) || !skip(f.in, 2) { // the zlib header
		return 0
	}
	if err := f.out.(flate.Resetter).Reset(f.in, nil); err != nil {
		return 0
	}
	n, _ := io.CopyN(io.Discard, f.out, most+1)
	return n
}

// section reads a part of the file on its own.
func (w *window) section(off, length int64) io.Reader {
	return io.NewSectionReader(w.src, off, length)
}

func skip(r *bufio.Reader, n int) bool {
	_, err := r.Discard(n)
	return err == nil
}

func skipString(r *bufio.Reader) bool {
	for {
		b, err := r.ReadByte()
		if err != nil {
			return false
		}
		if b == 0 {
			return true
		}
	}
}
