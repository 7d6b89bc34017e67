package api

import (
	"context"
	"net/http"
	"time"

	"nightkeeper/internal/loop/learn"
	"nightkeeper/internal/loop/respond"
)

func (r *routes) learn() {
	get(r, "/postmortems", "Postmortems, the newest first", "read", func(ctx context.Context, _ *empty) ([]learn.Postmortem, error) {
		ps, err := r.Learn.List(ctx, 200)
		return orEmpty(ps), err
	})
	get(r, "/postmortems/{name}", "A postmortem", "read", func(ctx context.Context, in *NameIn) (learn.Postmortem, error) {
		return r.Learn.Get(ctx, learn.ID(in.Name))
	})
	call(r, http.MethodPost, "/incidents/{name}/postmortem", "Ask for the postmortem of an incident that is over", "respond", func(ctx context.Context, in *NameIn) (learn.Postmortem, error) {
		return r.Learn.Ask(ctx, respond.ID(in.Name), userOf(ctx).Name, r.Now())
	})
	call(r, http.MethodPut, "/postmortems/{name}", "Replace the text of a postmortem", "respond", func(ctx context.Context, in *struct {
		NameIn
		Body struct {
			Markdown string `json:"markdown"`
		}
	}) (learn.Postmortem, error) {
		return r.Learn.Edit(ctx, learn.ID(in.Name), userOf(ctx).Name, in.Body.Markdown, r.Now())
	})
	call(r, http.MethodPost, "/postmortems/{name}/publish", "Publish a postmortem", "respond", func(ctx context.Context, in *NameIn) (learn.Postmortem, error) {
		return r.Learn.Publish(ctx, learn.ID(in.Name), userOf(ctx).Name, r.Now())
	})
	get(r, "/action-items", "Action items", "read", func(ctx context.Context, in *struct {
		Open bool `query:"open"`
	}) ([]learn.ActionItem, error) {
		as, err := r.Learn.Items(ctx, in.Open)
		return orEmpty(as), err
	})
	call(r, http.MethodPost, "/action-items/{name}/done", "Close an action item", "respond", func(ctx context.Context, in *struct {
		NameIn
		Body struct {
			Reason string `json:"reason,omitempty"`
		}
	}) (learn.ActionItem, error) {
		return r.Learn.CompleteItem(ctx, learn.ItemID(in.Name), userOf(ctx).Name, in.Body.Reason, r.Now())
	})
	get(r, "/measures", "Time to detect, acknowledge and resolve", "read", func(ctx context.Context, in *Window) (learn.Measures, error) {
		now := r.Now()
		from, to := in.From, in.To
		if to.IsZero() {
			to = now
		}
		if from.IsZero() {
			from = to.Add(-30 * 24 * time.Hour)
		}
		return r.Learn.Measures(ctx, from, to, now)
	})
}
