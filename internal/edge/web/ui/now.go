package ui

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/page/rota"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond"
)

// burning is an open incident with what is being done about it.
type burning struct {
	respond.Incident
	Page *page.Page
	Run  *remediate.Run
	Pass *respond.Handoff // command is on its way
}

// asked is an approval that waits, with the run that asks.
type asked struct {
	remediate.Approval
	Run remediate.Run
}

// duty is who is on call for a schedule.
type duty struct {
	Schedule *catalog.Schedule
	Now      rota.Shift
	Next     rota.Shift
	Problem  string
}

type nowData struct {
	Incidents []burning
	Alerts    []detect.Alert
	Asked     []asked
	Duties    []duty
	Health    []HealthLine
	Freezes   []freeze
	Gate      bool // whether the error-budget gate is there
	Last      *respond.Incident
	Services  int
	SLOs      int
	Budgets   []detect.Status // of which most is spent
}

// allWell reports whether nothing asks for a person.
func (d nowData) allWell() bool {
	return len(d.Incidents) == 0 && len(d.Alerts) == 0 && len(d.Asked) == 0
}

func (s *server) nowPage(r *http.Request) (view, error) {
	ctx, now := r.Context(), shellOf(r.Context()).Now
	var d nowData
	open, err := s.Respond.List(ctx, true, 50)
	if err != nil {
		return view{}, err
	}
	for _, i := range open {
		b, err := s.burning(ctx, i)
		if err != nil {
			return view{}, err
		}
		d.Incidents = append(d.Incidents, b)
	}
	slices.SortStableFunc(d.Incidents, func(a, b burning) int { return strings.Compare(string(a.Severity), string(b.Severity)) })
	if d.Alerts, err = s.Detect.Alerts(ctx, "", true); err != nil {
		return view{}, err
	}
	if d.Asked, err = s.asked(ctx); err != nil {
		return view{}, err
	}
	if len(open) == 0 {
		last, err := s.Respond.List(ctx, false, 20)
		if err != nil {
			return view{}, err
		}
		for k := range last {
			if d.Last == nil || last[k].ResolvedAt.After(d.Last.ResolvedAt) {
				d.Last = &last[k]
			}
		}
	}
	ps, err := s.Page.Plans(ctx, now, now.Add(time.Minute))
	if err != nil {
		return view{}, err
	}
	d.Duties = duties(ps, now)
	if s.Health != nil {
		d.Health = s.Health()
	}
	if d.Freezes, d.Gate, err = s.freezes(ctx); err != nil {
		return view{}, err
	}
	d.Services, d.SLOs = len(s.Graph.Services(now)), len(s.Catalog().SLOs)
	d.Budgets = s.Detect.Statuses(now)
	slices.SortStableFunc(d.Budgets, func(a, b detect.Status) int { return cmp.Compare(b.Budget.Spent, a.Budget.Spent) })
	d.Budgets = d.Budgets[:min(len(d.Budgets), 5)]
	return view{Title: "Now", Live: true, Body: nowBody(d)}, nil
}

// burning gathers what is being done about an open incident.
func (s *server) burning(ctx context.Context, i respond.Incident) (burning, error) {
	b := burning{Incident: i}
	p, err := s.Page.Of(ctx, i.Group)
	switch {
	case err == nil:
		b.Page = &p
	case !errs.Is(err, errs.NotFound):
		return b, err
	}
	if i.Handoff != "" {
		h, err := s.Respond.HandoffOf(ctx, i.Handoff)
		if err != nil {
			return b, err
		}
		b.Pass = &h
	}
	runs, err := s.Remediate.List(ctx, i.ID, 20)
	if err != nil {
		return b, err
	}
	for k := range runs {
		if !runs[k].DryRun {
			b.Run = &runs[k]
			break
		}
	}
	return b, nil
}

// asked returns the approvals that somebody can still decide.
func (s *server) asked(ctx context.Context) ([]asked, error) {
	pending, err := s.Remediate.PendingApprovals(ctx)
	if err != nil {
		return nil, err
	}
	var out []asked
	for _, a := range pending {
		run, _, _, err := s.Remediate.Get(ctx, a.Run)
		if err != nil {
			return nil, err
		}
		// A run that ended meanwhile leaves its question behind; nobody can decide it any more.
		if !run.State.Over() {
			out = append(out, asked{a, run})
		}
	}
	return out, nil
}

// thenWords says until when somebody is on call, and who is then.
func thenWords(ctx context.Context, u duty) string {
	if u.Now.To.IsZero() {
		return "without an end"
	}
	next := strings.Join(u.Next.People(), ", ")
	if next == "" {
		next = "nobody"
	}
	return "until " + shift(ctx, u.Now.To) + ", then " + next
}

// holder says who has answered for an incident; empty when nobody has yet.
func (b burning) holder() string {
	if b.Page != nil && b.Page.State == page.Acked {
		return b.Page.AckedBy
	}
	return ""
}

// doing says what is being done about an incident.
func (b burning) doing() string {
	switch {
	case b.Run != nil && b.Run.State == remediate.Waiting:
		return "Runbook " + b.Run.Runbook + " waits for an approval"
	case b.Run != nil && b.Run.State == remediate.Running:
		return "Runbook " + b.Run.Runbook + " is at work"
	case b.Run != nil && b.Run.State == remediate.Succeeded:
		return "Runbook " + b.Run.Runbook + " is through; the objective must stay calm"
	case b.Run != nil && b.Run.State.Over():
		return "Runbook " + b.Run.Runbook + " did not fix it"
	case b.Page != nil && b.Page.State == page.Acked:
		return b.Page.AckedBy + " is looking"
	case b.Page != nil && b.Page.State == page.Open && len(b.Page.Told) > 0:
		return "Told " + strings.Join(b.Page.Told, ", ") + "; nobody has answered yet"
	case b.Status == respond.Queued:
		return "A ticket for the next business day; nobody is paged"
	case b.Cause == nil:
		return "Looking for the cause"
	}
	return "Waiting for a person"
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
