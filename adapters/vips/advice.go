package vips

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// known are versions of libraries that decode for us and are better not used. A
// distribution may have mended one without telling it another version: hence these
// are warnings.
var known = []struct {
	library string
	below   string // the first version that is good
	why     string
}{
	{"libvips", "8.17.3", "its loaders lack some sixty repairs of overflows and crashes"},
	{"libwebp", "1.3.2", "CVE-2023-4863: a lossless WebP writes outside its tables"},
	{"libheif", "1.17.6", "CVE-2023-49460 to 49464: damaged files crash it"},
	{"libde265", "1.0.15", "CVE-2023-49465, 49467, 49468: damaged HEIC files write outside its buffers"},
	{"libaom", "3.9.1", "CVE-2024-5171: large pictures overflow its arithmetic"},
	{"dav1d", "1.4.0", "CVE-2024-1580: large AV1 frames overflow its arithmetic"},
}

// Advise names the libraries of which newer versions should be used, and why.
func Advise(versions map[string]string) (advice []string) {
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		for _, k := range known {
			if k.library == name && older(versions[name], k.below) {
				advice = append(advice, fmt.Sprintf("%s %s is older than %s: %s", name, versions[name], k.below, k.why))
			}
		}
	}
	return advice
}

// older compares versions number by number; what is none counts as 0.
func older(version, than string) bool {
	return slices.Compare(numbers(version), numbers(than)) < 0
}

func numbers(version string) (list []int) {
	version = strings.TrimLeft(version, "vV")
	for _, part := range strings.FieldsFunc(version, func(r rune) bool { return r == '.' || r == '-' || r == '+' || r == '~' }) {
		n, err := strconv.Atoi(part)
		if err != nil {
			break
		}
		list = append(list, n)
	}
	return append(list, make([]int, max(0, 4-len(list)))...)
}
