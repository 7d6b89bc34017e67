package api

import (
	"context"
	"net/http"

	"nightkeeper/internal/loop/page"
)

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
	r.shadow()
	get(r, "/policies/{name}", "An escalation policy as a line of time: whom each step would tell now, by what, and what would go wrong", "read", func(ctx context.Context, in *NameIn) (page.PolicyView, error) {
		return r.Page.Policy(ctx, in.Name, r.Now())
	})
	r.tickets()
	r.rota()
}

func (r *routes) shadow() {
	get(r, "/shadow", "The newest report that compares the pages with what another system did", "read", func(ctx context.Context, _ *empty) (page.ShadowReport, error) {
		return r.Page.LastReport(ctx)
	})
	call(r, http.MethodPost, "/shadow", "Compare the pages of a time with what another system did then", "respond", func(ctx context.Context, in *struct{ Body page.Beside }) (page.ShadowReport, error) {
		return r.Page.Compare(ctx, in.Body, userOf(ctx).Name, r.Now())
	})
}
