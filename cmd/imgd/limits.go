package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"imgd/adapters/memory"
	"imgd/adapters/quotas"
	"imgd/adapters/records"
	"imgd/adapters/redis"
	"imgd/adapters/resilience"
	"imgd/adapters/rest"
	"imgd/core"
	"imgd/ports"
)

// uploadRate is what auto says where tokens are asked for.
var uploadRate = core.Rate{Limit: 50, Per: time.Hour}

// rates are how often a principal may ask. What auto says goes by whether tokens are
// asked for in this process, which settings that are read again cannot change.
func (s *Settings) rates(asked bool) rest.Rates {
	var auto core.Rate
	if asked {
		auto = uploadRate
	}
	return rest.Rates{Uploads: s.UploadRate.with(s.UploadBurst, auto), Requests: s.RequestRate.with(s.RequestBurst, core.Rate{})}
}

// quotas are what tenants may have.
func (s *Settings) quotas() (quotas.Quotas, error) {
	standard := core.Quota{Images: s.QuotaImages, Bytes: int64(s.QuotaBytes), Jobs: s.QuotaJobs}
	if s.Quotas == "" {
		return quotas.Quotas{Default: standard}, nil
	}
	q, err := quotas.Load(s.Quotas, standard)
	if err != nil {
		return q, fmt.Errorf("IMGD_QUOTAS: %w", err)
	}
	return q, nil
}

// bounds are the rates and quotas that are in force.
type bounds struct {
	rates  atomic.Pointer[rest.Rates]
	quotas atomic.Pointer[quotas.Quotas]
}

// load puts what the settings say now in force, or leaves what is.
func (b *bounds) load(s *Settings, asked bool) error {
	q, err := s.quotas()
	if err != nil {
		return err
	}
	r := s.rates(asked)
	b.rates.Store(&r)
	b.quotas.Store(&q)
	return nil
}

func (b *bounds) now() (r rest.Rates) {
	if p := b.rates.Load(); p != nil {
		r = *p
	}
	return r
}

func (b *bounds) of(tenant string) core.Quota {
	if p := b.quotas.Load(); p != nil {
		return p.Of(tenant)
	}
	return core.Quota{}
}

func (p *parts) renewBounds(s *Settings) ([]any, error) {
	if err := p.bounds.load(s, p.issuers != nil); err != nil {
		return nil, err
	}
	return []any{"uploads", s.UploadRate.String(), "requests", s.RequestRate.String(), "quotas", s.Quotas}, nil
}

// limits count who asks how often: in Redis, where there is one, and in the database
// while it is away; without it in the database, if other processes may share that.
// Those of SQLite are on one host, where one API process is the rule: it counts by
// itself, and writes nothing.
func (p *parts) limits() ports.Limits {
	database := records.Limits{DB: p.db, Within: time.Duration(p.settings.DatabaseTime)}
	switch {
	case p.hints.redis != nil:
		return resilience.Limits{Limits: redis.Limits{Client: p.hints.redis}, Then: database}
	case postgresURL(p.settings.DatabaseURL):
		return database
	}
	return memory.NewLimits(100_000)
}

// quotas hold tenants to what the settings say at the moment.
func (p *parts) quotas() records.Quotas {
	return records.Quotas{DB: p.db, Of: p.bounds.of, For: time.Duration(p.settings.QuotaHold)}
}
