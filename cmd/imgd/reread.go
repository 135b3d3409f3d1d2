package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"reflect"
	"sync"
	"syscall"
)

// again reads the settings as they are now, from wherever they came at the start:
// flags, variables, .env and the files of secrets.
type again func() (*Settings, error)

// renewal is a part of a process that takes new settings while it runs. What take
// refuses changes nothing: the part stays as it was. It returns what to tell the log.
type renewal struct {
	name string
	take func(*Settings) (told []any, err error)
}

// renewals are the parts that SIGHUP renews in a process of a role.
func (p *parts) renewals(api bool) []renewal {
	list := []renewal{{"log level", p.renewLevel}}
	if api {
		list = append(list, renewal{"presets", p.renewPresets}, renewal{"issuers", p.renewIssuers},
			renewal{"links and public buckets", p.renewSharing}, renewal{"rates and quotas", p.renewBounds})
	}
	return list
}

func (p *parts) renewLevel(s *Settings) ([]any, error) {
	p.level.Set(s.level())
	return []any{"level", s.LogLevel}, nil
}

func (p *parts) renewPresets(s *Settings) ([]any, error) {
	if err := p.presets.load(s); err != nil {
		return nil, err
	}
	return []any{"file", s.Presets, "presets", p.presets.now().Names()}, nil
}

// renewIssuers changes who signs tokens. Whether anybody is asked for one stays as it
// was at the start: it says where the API may listen.
func (p *parts) renewIssuers(s *Settings) ([]any, error) {
	switch {
	case p.issuers == nil && !s.asks():
		return nil, nil
	case p.issuers == nil:
		return nil, errors.New("callers would be asked for a token from now on; that takes a restart")
	}
	if err := p.issuers.load(s); err != nil {
		return nil, err
	}
	return []any{"issuers", p.issuers.names()}, nil
}

// hangups tells of SIGHUPs.
type hangups chan os.Signal

// listen hears SIGHUPs from now on. One that comes while the service still starts waits
// until it is up; it would end the process if nobody listened.
func listen() hangups {
	h := make(hangups, 1)
	signal.Notify(h, syscall.SIGHUP)
	return h
}

// rereading reads the settings again at each SIGHUP, and gives them to the parts that
// can take them, until the returned function is called.
func (p *parts) rereading(ctx context.Context, api bool, hangups hangups) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-hangups:
				p.reread(ctx, api)
			case <-done:
				return
			}
		}
	})
	return func() { signal.Stop(hangups); close(done); running.Wait() }
}

func (p *parts) reread(ctx context.Context, api bool) {
	s := p.settings
	if p.again != nil {
		fresh, err := p.again()
		if err == nil {
			err = mistaken(fresh.Check())
		}
		if err != nil {
			p.log.ErrorContext(ctx, "not read again; all settings stay as they were", "err", err)
			return
		}
		s = fresh
	}
	for _, r := range p.renewals(api) {
		told, err := r.take(s)
		if err != nil {
			p.log.ErrorContext(ctx, "not read again; it stays as it was", "part", r.name, "err", err)
			continue
		}
		p.log.InfoContext(ctx, "read again", append([]any{"part", r.name}, told...)...)
	}
	if fixed := changed(p.settings, s); len(fixed) > 0 {
		p.log.WarnContext(ctx, "these settings differ now, and take effect with a restart only", "settings", fixed)
	}
}

// changed names the settings that differ and that a running process does not renew:
// those without the tag renewed.
func changed(old, fresh *Settings) (variables []string) {
	before, now := reflect.ValueOf(*old), reflect.ValueOf(*fresh)
	for _, set := range settings() {
		if !set.Renewed && text(before.Field(set.index)) != text(now.Field(set.index)) {
			variables = append(variables, set.Variable)
		}
	}
	return variables
}
