package api

import (
	"context"
	"net/http"
	"time"

	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/respond"
)

// DeclaredIn is trouble as a person reports it.
type DeclaredIn struct {
	Title    string          `json:"title" doc:"what is wrong, in a few words"`
	Severity detect.Severity `json:"severity" enum:"SEV1,SEV2,SEV3,SEV4"`
	Service  string          `json:"service,omitempty" required:"false" doc:"empty when nobody knows yet"`
	Detail   string          `json:"detail,omitempty" required:"false"`
	Customer bool            `json:"customer,omitempty" required:"false" doc:"a customer told us: monitoring did not see it"`
	Since    time.Time       `json:"since,omitzero" required:"false" doc:"when it began; default: now"`
}

func (r *routes) respond() {
	get(r, "/teams", "Teams: who belongs to each, who is on call, and what asks for it", "read", func(ctx context.Context, _ *empty) ([]respond.Team, error) {
		return r.Respond.Teams(ctx, r.Detect, r.Page, r.Now())
	})
	get(r, "/teams/{name}", "A team", "read", func(ctx context.Context, in *NameIn) (respond.Team, error) {
		return r.Respond.Team(ctx, r.Detect, r.Page, in.Name, r.Now())
	})
	get(r, "/incidents", "Incidents, the newest first", "read", func(ctx context.Context, in *struct {
		Open  bool `query:"open"`
		Limit int  `query:"limit" default:"100" maximum:"1000"`
	}) ([]respond.Incident, error) {
		is, err := r.Respond.List(ctx, in.Open, in.Limit)
		return orEmpty(is), err
	})
	call(r, http.MethodPost, "/incidents", "Declare an incident: people are told, as of an alert", "respond", func(ctx context.Context, in *struct{ Body DeclaredIn }) (respond.Incident, error) {
		b := in.Body
		d := detect.Declared{Title: b.Title, Service: b.Service, Severity: b.Severity, Detail: b.Detail, Customer: b.Customer, Since: b.Since}
		a, err := r.Detect.Declare(ctx, d, userOf(ctx).Name, r.Now())
		if err != nil {
			return respond.Incident{}, err
		}
		return r.Respond.Declared(ctx, a)
	})
	get(r, "/incidents/{name}", "An incident", "read", func(ctx context.Context, in *NameIn) (respond.Incident, error) {
		return r.Respond.Get(ctx, respond.ID(in.Name))
	})
	get(r, "/incidents/{name}/timeline", "Every fact of an incident, the oldest first", "read", func(ctx context.Context, in *NameIn) ([]event.Event, error) {
		es, err := r.Respond.Timeline(ctx, respond.ID(in.Name))
		return orEmpty(es), err
	})
	call(r, http.MethodPost, "/incidents/{name}/notes", "Write something down on the timeline", "respond", func(ctx context.Context, in *struct {
		NameIn
		Body struct {
			Text string `json:"text"`
		}
	}) (empty, error) {
		return empty{}, r.Respond.Note(ctx, respond.ID(in.Name), userOf(ctx).Name, in.Body.Text, r.Now())
	})
	call(r, http.MethodPost, "/incidents/{name}/resolve", "Say that an incident is over", "respond", func(ctx context.Context, in *struct {
		NameIn
		Body struct {
			Reason string `json:"reason"`
		}
	}) (respond.Incident, error) {
		return r.Respond.Resolve(ctx, respond.ID(in.Name), userOf(ctx).Name, in.Body.Reason, r.Now())
	})
	call(r, http.MethodPost, "/incidents/{name}/commander", "Give an incident to a commander", "respond", func(ctx context.Context, in *struct {
		NameIn
		Body struct {
			Person string `json:"person"`
		}
	}) (empty, error) {
		return empty{}, r.Respond.Command(ctx, respond.ID(in.Name), in.Body.Person, userOf(ctx).Name, r.Now())
	})
}
