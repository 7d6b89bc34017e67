package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/page/rota"
)

// Duty is who is on call on a schedule.
type Duty struct {
	Schedule string     `json:"schedule"`
	Now      rota.Shift `json:"now"`
	Next     rota.Shift `json:"next"`
}

// PageView is a page with what was sent for it.
type PageView struct {
	page.Page
	Notifications []page.Notification `json:"notifications"`
}

func (r *routes) page() {
	get(r, "/pages", "Pages that are not resolved, the newest first", "read", func(ctx context.Context, _ *empty) ([]page.Page, error) {
		ps, err := r.Page.Live(ctx)
		return orEmpty(ps), err
	})
	get(r, "/pages/{name}", "A page and what was sent for it", "read", func(ctx context.Context, in *NameIn) (PageView, error) {
		p, ns, err := r.Page.Get(ctx, page.ID(in.Name))
		return PageView{p, orEmpty(ns)}, err
	})
	call(r, http.MethodPost, "/pages/{name}/ack", "Acknowledge a page", "respond", func(ctx context.Context, in *NameIn) (page.Page, error) {
		return r.Page.Ack(ctx, page.ID(in.Name), userOf(ctx).Name, r.Now())
	})
	get(r, "/inbox/{name}", "What a person was told, the newest first", "read", func(ctx context.Context, in *NameIn) ([]page.Notification, error) {
		ns, err := r.Page.Inbox(ctx, in.Name)
		return orEmpty(ns), err
	})
	get(r, "/oncall", "Who is on call, and who is next", "read", func(_ context.Context, in *struct {
		At time.Time `query:"at"`
	}) ([]Duty, error) {
		at := in.At
		if at.IsZero() {
			at = r.Now()
		}
		return r.duties(at)
	})
}

func (r *routes) duties(at time.Time) ([]Duty, error) {
	c := r.Catalog()
	out := []Duty{}
	for name, s := range c.Schedules {
		ro, err := rota.New(s, nil)
		if err != nil {
			return nil, errs.Wrap(err, errs.Invalid, "schedule %s cannot be read", name)
		}
		d := Duty{Schedule: name, Now: ro.At(at)}
		if !d.Now.To.IsZero() {
			d.Next = ro.At(d.Now.To)
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Duty) int {
		if a.Schedule < b.Schedule {
			return -1
		}
		return 1
	})
	return out, nil
}
