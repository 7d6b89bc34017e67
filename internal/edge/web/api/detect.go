package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// AlertsIn selects alerts.
type AlertsIn struct {
	Group       string   `query:"group" doc:"alerts of one group, the oldest first; the rest is then ignored but firing"`
	Firing      bool     `query:"firing" doc:"only those that fire"`
	Service     string   `query:"service"`
	Severity    string   `query:"severity" enum:"SEV1,SEV2,SEV3,SEV4"`
	Integration string   `query:"integration"`
	Muted       string   `query:"muted" enum:"yes,no" doc:"only those of which nobody is told, or only the others"`
	Match       []string `query:"match,explode" doc:"matchers in Alertmanager's syntax; all must hold"`
	Text        string   `query:"text"`
	Before      string   `query:"before" doc:"only alerts older than this one"`
	Limit       int      `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

func (r *routes) alerts() {
	get(r, "/alerts", "Alerts, the oldest first", "read", func(ctx context.Context, in *AlertsIn) ([]detect.Alert, error) {
		if in.Group != "" {
			as, err := r.Detect.Alerts(ctx, detect.GroupID(in.Group), in.Firing)
			return orEmpty(as), err
		}
		f := detect.Filter{Service: in.Service, Severity: detect.Severity(in.Severity), Integration: in.Integration, Before: detect.AlertID(in.Before), Limit: in.Limit}
		if in.Firing {
			f.State = detect.Firing
		}
		if in.Muted != "" {
			muted := in.Muted == "yes"
			f.Muted = &muted
		}
		found, err := r.Detect.Search(ctx, f, in.Match, in.Text)
		slices.Reverse(found.Alerts)
		return orEmpty(found.Alerts), err
	})
	get(r, "/alerts/{name}", "One alert", "read", func(ctx context.Context, in *NameIn) (detect.Alert, error) {
		return r.Detect.Alert(ctx, detect.AlertID(in.Name))
	})
	get(r, "/alerts/{name}/why", "Why people were told of an alert, or were not", "read", func(ctx context.Context, in *struct {
		NameIn
		Person string `query:"person" doc:"ask about one person"`
	}) (page.Why, error) {
		return r.Page.Why(ctx, detect.AlertID(in.Name), in.Person, r.Now())
	})
}

// SilenceIn is a silence as somebody asks for it.
type SilenceIn struct {
	Match       []string       `json:"match" doc:"matchers in Alertmanager's syntax; all must hold"`
	StartsAt    time.Time      `json:"starts_at,omitzero" required:"false" doc:"default: at once"`
	EndsAt      time.Time      `json:"ends_at,omitzero" required:"false"`
	For         string         `json:"for,omitempty" required:"false" doc:"instead of ends_at: how long, such as 2h"`
	Comment     string         `json:"comment" doc:"why nobody is to be told"`
	Maintenance bool           `json:"maintenance,omitempty" required:"false" doc:"announced work"`
	Weekly      *catalog.Hours `json:"weekly,omitempty" required:"false" doc:"only in these windows"`
}

// SilenceView is a silence with its state.
type SilenceView struct {
	detect.Silence
	State string `json:"state" enum:"pending,active,expired"`
}

func (r *routes) silences() {
	get(r, "/silences", "Silences that are not over, the newest first", "read", func(ctx context.Context, in *struct {
		Since time.Time `query:"since" doc:"also those that were not over at this time"`
	}) ([]SilenceView, error) {
		now := r.Now()
		since := in.Since
		if since.IsZero() {
			since = now
		}
		all, err := r.Detect.Silences(ctx, since)
		out := []SilenceView{}
		for _, s := range all {
			out = append(out, SilenceView{s, s.State(now)})
		}
		return out, err
	})
	call(r, http.MethodPost, "/silences", "Mute the alerts that matchers select", "respond", func(ctx context.Context, in *struct{ Body SilenceIn }) (SilenceView, error) {
		now, b := r.Now(), in.Body
		s := detect.Silence{Match: b.Match, StartsAt: b.StartsAt, EndsAt: b.EndsAt, Comment: b.Comment, Maintenance: b.Maintenance, Weekly: b.Weekly, CreatedBy: userOf(ctx).Name}
		if s.StartsAt.IsZero() {
			s.StartsAt = now
		}
		if b.For != "" {
			d, err := catalog.ParseDuration(b.For)
			if err != nil {
				return SilenceView{}, errs.New(errs.Invalid, "for: %s", err)
			}
			s.EndsAt = s.StartsAt.Add(d)
		}
		s, err := r.Detect.Silence(ctx, s, userOf(ctx).Name, now)
		return SilenceView{s, s.State(now)}, err
	})
	call(r, http.MethodDelete, "/silences/{name}", "End a silence", "respond", func(ctx context.Context, in *NameIn) (SilenceView, error) {
		now := r.Now()
		if err := r.Detect.Unsilence(ctx, detect.SilenceID(in.Name), userOf(ctx).Name, now); err != nil {
			return SilenceView{}, err
		}
		s, err := r.Detect.SilenceOf(ctx, detect.SilenceID(in.Name))
		return SilenceView{s, s.State(now)}, err
	})
}

// ExclusionIn is an exclusion as somebody asks for it.
type ExclusionIn struct {
	Cause    detect.Cause `json:"cause" enum:"maintenance,third_party,attack,rollback"`
	Services []string     `json:"services,omitempty" required:"false" doc:"all SLOs of these services"`
	SLOs     []string     `json:"slos,omitempty" required:"false" doc:"and these SLOs"`
	From     time.Time    `json:"from"`
	To       time.Time    `json:"to"`
	Reason   string       `json:"reason" doc:"what happened"`
	Fallback string       `json:"fallback,omitempty" required:"false" doc:"what worked instead of the third party"`
}

// DecisionIn is what becomes of an exclusion.
type DecisionIn struct {
	State detect.ExclusionState `json:"state" enum:"approved,refused,withdrawn"`
	Note  string                `json:"note,omitempty" required:"false"`
}

func (r *routes) exclusions() {
	get(r, "/exclusions", "Times whose events do not count against budgets, the newest first", "read", func(ctx context.Context, in *struct {
		Since time.Time `query:"since" doc:"those that ended after this time; default: 93 days ago"`
	}) ([]detect.Exclusion, error) {
		since := in.Since
		if since.IsZero() {
			since = r.Now().AddDate(0, 0, -93)
		}
		all, err := r.Detect.Exclusions(ctx, since)
		return append([]detect.Exclusion{}, all...), err
	})
	call(r, http.MethodPost, "/exclusions", "Ask for a time not to count against budgets; somebody else approves it", "respond", func(ctx context.Context, in *struct{ Body ExclusionIn }) (detect.Exclusion, error) {
		b := in.Body
		x := detect.Exclusion{Cause: b.Cause, Services: b.Services, SLOs: b.SLOs, From: b.From, To: b.To, Reason: b.Reason, Fallback: b.Fallback}
		return r.Detect.Exclude(ctx, x, userOf(ctx).Name, r.Now())
	})
	call(r, http.MethodPost, "/exclusions/{name}/decision", "Approve, refuse or withdraw an exclusion", "respond", func(ctx context.Context, in *struct {
		NameIn
		Body DecisionIn
	}) (detect.Exclusion, error) {
		return r.Detect.DecideExclusion(ctx, detect.ExclusionID(in.Name), in.Body.State, in.Body.Note, userOf(ctx).Name, r.Now())
	})
}

func (r *routes) detect() {
	r.alerts()
	r.silences()
	r.exclusions()
	get(r, "/slos", "Every SLO with its budget and burn rates", "read", func(context.Context, *empty) ([]detect.Status, error) {
		return orEmpty(r.Detect.Statuses(r.Now())), nil
	})
	get(r, "/slos/{name}", "One SLO", "read", func(_ context.Context, in *NameIn) (detect.Status, error) {
		o := r.Catalog().SLOs[in.Name]
		if o == nil {
			return detect.Status{}, errs.New(errs.NotFound, "there is no SLO named %q", in.Name)
		}
		return r.Detect.Status(o, r.Now()), nil
	})
}

// orEmpty makes an empty list out of none, which JSON writes as [].
func orEmpty[T any](in []T) []T {
	if in == nil {
		return []T{}
	}
	return in
}
