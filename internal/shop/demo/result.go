package demo

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// result asks Nightkeeper what became of everything.
func (p *player) result(ctx context.Context) (Result, error) {
	res := Result{Scenario: p.opts.Scenario, Paged: p.paged, Incidents: []IncidentResult{}}
	if res.Paged == nil {
		res.Paged = []string{}
	}
	var s status
	if err := p.nk.call(ctx, "GET", "/api/v1/status", nil, &s); err != nil {
		return res, fmt.Errorf("ask for the result: %w", err)
	}
	res.ServicesSeen = s.Services
	if !p.started.IsZero() {
		at := p.started.UTC()
		res.FaultInjectedAt = &at
	}
	var is []incident
	if err := p.nk.call(ctx, "GET", "/api/v1/incidents", nil, &is); err != nil {
		return res, fmt.Errorf("ask for the incidents: %w", err)
	}
	slices.SortFunc(is, func(a, b incident) int { return a.OpenedAt.Compare(b.OpenedAt) })
	resolved := len(is) > 0
	for _, i := range is {
		one, err := p.incidentResult(ctx, i)
		if err != nil {
			return res, err
		}
		res.Incidents = append(res.Incidents, one)
		resolved = resolved && i.Status == "resolved"
	}
	if len(is) > 0 {
		p.times(&res, is, resolved)
	}
	if err := p.writeUp(ctx, &res, is); err != nil {
		return res, err
	}
	if !resolved && p.opts.Scenario != "none" {
		return res, ErrNotResolved
	}
	for _, i := range is {
		if i.Status != "resolved" {
			return res, ErrNotResolved
		}
	}
	return res, nil
}

func (p *player) incidentResult(ctx context.Context, i incident) (IncidentResult, error) {
	out := IncidentResult{ID: i.ID, Severity: i.Severity, Status: i.Status, AffectedServices: i.Affected,
		LostRequests: i.Impact.LostRequests, EstimatedRevenue: math.Round(i.Impact.Revenue*100) / 100}
	if i.Cause != nil {
		out.CauseService, out.CauseKind = i.Cause.Service, i.Cause.Kind
	}
	var rs []run
	if err := p.nk.call(ctx, "GET", "/api/v1/runs?incident="+i.ID, nil, &rs); err != nil {
		return out, fmt.Errorf("ask for the runs of %s: %w", i.ID, err)
	}
	if len(rs) > 0 {
		out.Runbook, out.RunbookOutcome = rs[0].Runbook, rs[0].State
	}
	var facts []fact
	if err := p.nk.call(ctx, "GET", "/api/v1/incidents/"+i.ID+"/timeline", nil, &facts); err != nil {
		return out, fmt.Errorf("ask for the timeline of %s: %w", i.ID, err)
	}
	out.TimelineEntries = len(facts)
	return out, nil
}

func (p *player) times(res *Result, is []incident, resolved bool) {
	detected := is[0].OpenedAt
	res.DetectedAt = &detected
	if !p.started.IsZero() {
		res.MTTD = seconds(detected.Sub(p.started))
	}
	if !resolved {
		return
	}
	last := is[0].ResolvedAt
	for _, i := range is {
		if i.ResolvedAt.After(last) {
			last = i.ResolvedAt
		}
	}
	res.ResolvedAt = &last
	res.MTTR = seconds(last.Sub(detected))
}

func seconds(d time.Duration) *float64 {
	v := float64(d.Milliseconds()) / 1000
	return &v
}

func (p *player) writeUp(ctx context.Context, res *Result, is []incident) error {
	var pms []postmortem
	if err := p.nk.call(ctx, "GET", "/api/v1/postmortems", nil, &pms); err != nil {
		return fmt.Errorf("ask for postmortems: %w", err)
	}
	var xs []experiment
	if err := p.nk.call(ctx, "GET", "/api/v1/experiments?proposed=true", nil, &xs); err != nil {
		return fmt.Errorf("ask for experiments: %w", err)
	}
	for _, i := range is {
		for _, pm := range pms {
			if pm.Incident == i.ID {
				res.Postmortem = pm.ID
			}
		}
		for _, x := range xs {
			if x.Incident == i.ID {
				res.Experiment = x.Name
			}
		}
	}
	return nil
}
