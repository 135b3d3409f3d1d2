package s3

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config says which bucket is used and how it is reached.
type Config struct {
	Bucket string
	Prefix string // what every key begins with, followed by a slash; empty: nothing
	// Region may be empty: it is what the AWS environment or profile says, or
	// us-east-1 where there is an endpoint.
	Region    string
	Endpoint  string // http(s)://host[:port] of a store that is not AWS
	PathStyle bool   // the bucket stands in the path, not in the host's name

	// AccessKey and SecretKey, when set, replace the AWS chain of environment,
	// profile and role.
	AccessKey, SecretKey string

	// Keep is how many connections stay open while nobody uses them; 0: 64.
	Keep int

	// Observe, when set, is told of every request that was sent, retries included.
	Observe func(op string, took time.Duration, err error)
}

var (
	buckets = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	regions = regexp.MustCompile(`^[a-z0-9-]+$`)
)

// ParseURL reads s3://bucket/prefix?region=..&endpoint=..&path_style=true and
// returns a sentence for each mistake in it. Without path_style the bucket stands
// in the path exactly when an endpoint is given.
func ParseURL(s string) (Config, error) {
	u, err := url.Parse(s)
	if e, ok := errors.AsType[*url.Error](err); ok {
		return Config{}, fmt.Errorf("this is not a URL: %w", e.Err) // without the URL, which may hold a secret
	}
	if u.Scheme != "s3" {
		return Config{}, errors.New("the URL of a bucket begins with s3://, such as s3://my-bucket/images?region=eu-central-1")
	}
	c := Config{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
	var wrong []error
	mistake := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	switch {
	case c.Bucket == "":
		mistake("the bucket is missing: write s3://my-bucket")
	case !buckets.MatchString(c.Bucket):
		mistake("%q cannot be the name of a bucket: it has 3 to 63 of a-z, 0-9, dots and hyphens; a host and port belong into endpoint", c.Bucket)
	}
	if u.User != nil {
		mistake("credentials do not belong into the URL: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a profile or a role")
	}
	if c.Prefix != "" && check(c.Prefix) != nil {
		mistake("the prefix %q is not usable: it has at most 200 of a-z, 0-9, dots, hyphens and underscores, with single slashes between", c.Prefix)
	}
	if u.Fragment != "" {
		mistake("the URL has a part after #, which means nothing: remove it or write %%23")
	}
	if err := c.options(u.RawQuery); err != nil {
		wrong = append(wrong, err)
	}
	if len(wrong) > 0 {
		return Config{}, errors.Join(wrong...)
	}
	return c, nil
}

// options reads what stands after the question mark.
func (c *Config) options(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("what follows the question mark cannot be read: %w", err)
	}
	c.PathStyle = values.Get("endpoint") != ""
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if n := len(values[name]); n > 1 {
			wrong = append(wrong, fmt.Errorf("%s stands there %d times; write it once", name, n))
			continue
		}
		if err := c.option(name, values.Get(name)); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

func (c *Config) option(name, value string) (err error) {
	switch name {
	case "region":
		c.Region = value
		if !regions.MatchString(value) {
			return fmt.Errorf("region=%s is not a region: write one such as eu-central-1", value)
		}
	case "endpoint":
		c.Endpoint = strings.TrimSuffix(value, "/")
		return checkEndpoint(c.Endpoint)
	case "path_style":
		if c.PathStyle, err = strconv.ParseBool(value); err != nil {
			return fmt.Errorf("path_style=%s is neither true nor false", value)
		}
	default:
		return fmt.Errorf("%q is not an option of a bucket: there are region, endpoint and path_style", name)
	}
	return nil
}

func checkEndpoint(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return errors.New("the endpoint is not the address of a server: write https://host or http://host:port")
	}
	if u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return errors.New("the endpoint is a scheme, a host and perhaps a port, and nothing else: the bucket and the prefix stand before the question mark, credentials in the environment")
	}
	return nil
}
