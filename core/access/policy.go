package access

import (
	"context"

	"imgd/core"
	"imgd/ports"
)

// Ask has a policy say whether a principal may do something that the rules of this
// package allow. A nil policy allows it. What is refused is Forbidden.
func Ask(ctx context.Context, p ports.Policy, q ports.Question) error {
	if p == nil {
		return nil
	}
	allowed, err := p.Allows(ctx, q)
	if err == nil && !allowed {
		err = core.Forbidden.Errorf("the policy of this service does not allow you to %s this %s", q.Action, q.Type)
	}
	return err
}

// AskToSee is Ask about something that nobody shall learn of who may not see it: what
// is refused is not there, and the error hides the refusal.
func AskToSee(ctx context.Context, p ports.Policy, q ports.Question) error {
	return hide(Ask(ctx, p, q), q)
}

// hide turns a refusal into what is said of nothing.
func hide(err error, q ports.Question) error {
	if core.KindOf(err) != core.Forbidden {
		return err
	}
	what := core.Refusal{ImageID: core.ID(q.ID)}
	if q.Type == "job" {
		what = core.Refusal{JobID: core.ID(q.ID)}
	}
	return core.NotFound.Errorf("there is no such %s", q.Type).Hide(err, what)
}

// AskToRead refuses a principal that may not read an image.
func AskToRead(ctx context.Context, p ports.Policy, by core.Principal, m core.Image) error {
	if err := May(by, core.ScopeRead); err != nil {
		return err
	}
	return AskToSee(ctx, p, OnImage(by, "read", m))
}

// AskToChange refuses a principal that may not do something to an image: as if it were
// not there whoever may not see it, before it is looked at whose it is.
func AskToChange(ctx context.Context, p ports.Policy, by core.Principal, action string, m core.Image) error {
	if err := AskToSee(ctx, p, OnImage(by, "read", m)); err != nil {
		return err
	}
	if err := MayChange(by, m); err != nil {
		return err
	}
	return Ask(ctx, p, OnImage(by, action, m))
}

// AskAboutTombstone refuses a principal that may not do something to an image that is
// deleted already. No read shows it any more: whoever is refused is told that it is not
// there, whatever the reason.
func AskAboutTombstone(ctx context.Context, p ports.Policy, by core.Principal, action string, m core.Image) error {
	q := OnImage(by, action, m)
	err := MayChange(by, m)
	if err == nil {
		err = AskToChange(ctx, p, by, action, m)
	}
	return hide(err, q)
}

// OnImage asks about an image.
func OnImage(by core.Principal, action string, m core.Image) ports.Question {
	return ports.Question{By: by, Action: action, Type: "image", ID: string(m.ID), Bucket: m.Bucket, Owner: m.Owner}
}

// OnJob asks about a job.
func OnJob(by core.Principal, action string, j core.Job) ports.Question {
	return ports.Question{By: by, Action: action, Type: "job", ID: string(j.ID), Owner: j.Owner}
}

// OnBucket asks about a bucket, and without one about the tenant.
func OnBucket(by core.Principal, action, bucket string) ports.Question {
	if bucket == "" {
		return ports.Question{By: by, Action: action, Type: "tenant", ID: by.Tenant}
	}
	return ports.Question{By: by, Action: action, Type: "bucket", ID: bucket, Bucket: bucket}
}
