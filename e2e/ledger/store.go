package ledger

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// folder is a store on disk.
type folder string

func (f folder) objects(context.Context) (map[string]int64, error) {
	found := map[string]int64{}
	err := filepath.WalkDir(string(f), func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // deleted in this moment
			return nil
		case err != nil:
			return err
		case d.Name() == ".staging":
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		key, err := filepath.Rel(string(f), path)
		found[filepath.ToSlash(key)] = info.Size()
		return err
	})
	return found, err
}

func (f folder) unfinished(context.Context) (names []string, err error) {
	entries, err := os.ReadDir(filepath.Join(string(f), ".staging"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// bucket is a store on an S3 server.
type bucket struct {
	client *s3.Client
	name   string
}

func openBucket(address, account, secret string) (bucket, error) {
	u, err := url.Parse(address)
	if err != nil {
		return bucket{}, err
	}
	q := u.Query()
	return bucket{name: u.Host, client: s3.New(s3.Options{
		BaseEndpoint: aws.String(q.Get("endpoint")), Region: q.Get("region"), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(account, secret, ""),
	})}, nil
}

func (b bucket) objects(ctx context.Context) (map[string]int64, error) {
	found := map[string]int64{}
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			if key := aws.ToString(o.Key); !strings.HasSuffix(key, "/") {
				found[key] = aws.ToInt64(o.Size)
			}
		}
	}
	return found, nil
}

func (b bucket) unfinished(ctx context.Context) (keys []string, err error) {
	out, err := b.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &b.name})
	if err != nil {
		return nil, err
	}
	for _, u := range out.Uploads {
		keys = append(keys, aws.ToString(u.Key))
	}
	return keys, nil
}
