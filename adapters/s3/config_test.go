package s3_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"imgd/adapters/s3"
)

func TestParseURLReadsWhatItIsGiven(t *testing.T) {
	for text, want := range map[string]s3.Config{
		"s3://images":                                                   {Bucket: "images"},
		"s3://images/":                                                  {Bucket: "images"},
		"s3://images/imgd/prod/":                                        {Bucket: "images", Prefix: "imgd/prod"},
		"s3://my.images?region=eu-central-1":                            {Bucket: "my.images", Region: "eu-central-1"},
		"s3://images?path_style=true":                                   {Bucket: "images", PathStyle: true},
		"s3://images?endpoint=http://minio:9000":                        {Bucket: "images", Endpoint: "http://minio:9000", PathStyle: true},
		"s3://images/p?endpoint=https%3A%2F%2Fs.x/":                     {Bucket: "images", Prefix: "p", Endpoint: "https://s.x", PathStyle: true},
		"s3://images?endpoint=https://s.x&path_style=false&region=auto": {Bucket: "images", Endpoint: "https://s.x", Region: "auto"},
	} {
		got, err := s3.ParseURL(text)
		if err != nil {
			t.Errorf("ParseURL(%s) = %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(s3.Config{}, "Observe")); diff != "" {
			t.Errorf("ParseURL(%s) differs (-want +got):\n%s", text, diff)
		}
	}
}

func TestParseURLHasASentenceForEveryMistake(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "begins with s3://",
		"http://images":                        "begins with s3://",
		"s3://":                                "the bucket is missing",
		"s3:///prefix":                         "the bucket is missing",
		"s3://Images":                          `"Images" cannot be the name of a bucket`,
		"s3://ab":                              `"ab" cannot be the name of a bucket`,
		"s3://localhost:9000/images":           "a host and port belong into endpoint",
		"s3://key:secret@images":               "credentials do not belong into the URL",
		"s3://images/Prod":                     `the prefix "Prod" is not usable`,
		"s3://images/a//b":                     `the prefix "a//b" is not usable`,
		"s3://images/../b":                     `the prefix "../b" is not usable`,
		"s3://images#prod":                     "a part after #",
		"s3://images?regoin=eu-central-1":      `"regoin" is not an option`,
		"s3://images?region=":                  "is not a region",
		"s3://images?region=EU West":           "is not a region",
		"s3://images?region=a&region=b":        "region stands there 2 times",
		"s3://images?endpoint=minio:9000":      "the endpoint is not the address of a server",
		"s3://images?endpoint=http://":         "the endpoint is not the address of a server",
		"s3://images?endpoint=http://m/images": "and nothing else",
		"s3://images?endpoint=http://a:b@m":    "credentials in the environment",
		"s3://images?endpoint=http://m&path_style=yes": "path_style=yes is neither true nor false",
		"s3://images?region=%zz":                       "cannot be read",
	} {
		if _, err := s3.ParseURL(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseURL(%s) = %v, want it to say %q", text, err, want)
		}
	}
}

func TestParseURLNamesAllMistakesAndNoSecret(t *testing.T) {
	_, err := s3.ParseURL("s3://key:hush@Images/A?region=B&x=y")
	if err == nil {
		t.Fatal("ParseURL = nil, want an error")
	}
	for _, want := range []string{"Images", "credentials", `"A"`, "region=B", `"x"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("ParseURL = %v, want it to speak of %s too", err, want)
		}
	}
	if _, broken := s3.ParseURL("s3://key:hush@images/%zz"); strings.Contains(err.Error()+broken.Error(), "hush") {
		t.Errorf("ParseURL = %v and %v, which give the secret away", err, broken)
	}
}

func TestOpenAsksForARegion(t *testing.T) {
	if _, err := s3.Open(t.Context(), s3.Config{Bucket: "images"}); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("Open without a region = %v, want it to say where one is set", err)
	}
	t.Setenv("AWS_REGION", "eu-central-1")
	if _, err := s3.Open(t.Context(), s3.Config{Bucket: "images"}); err != nil {
		t.Errorf("Open with AWS_REGION = %v", err)
	}
}
