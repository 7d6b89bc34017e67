package respond

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/page/rota"
	"nightkeeper/internal/loop/respond/diagnose"
)

// Config is what a Service needs. Telemetry may fail; everything else is required.
type Config struct {
	Store     Store
	Catalog   func() *catalog.Catalog
	Graph     *graph.Live
	Telemetry observe.Telemetry
	Deploys   func(ctx context.Context, since time.Time) ([]observe.Deploy, error)
	Now       func() time.Time
	Log       *slog.Logger
}

// Service opens incidents, finds their cause and follows them to their end. It is safe for concurrent use.
type Service struct{ Config }

// New returns a service.
func New(c Config) *Service { return &Service{c} }

// fired opens an incident for a new group of alerts, or adds the alert to the one there is.
func (s *Service) fired(ctx context.Context, tx Tx, a detect.Alert, now time.Time) error {
	i, err := tx.IncidentOf(ctx, a.Group)
	switch {
	case errs.Is(err, errs.NotFound):
		return s.open(ctx, tx, a, now)
	case err != nil:
		return err
	case slices.Contains(i.Alerts, a.ID) && i.Open():
		if !a.Severity.Worse(i.Severity) {
			return nil
		}
		was := i.Severity
		i.Severity = a.Severity
		i = i.begun(a)
		if err := s.append(ctx, tx, KindStatus, i, event.System, fmt.Sprintf("%s instead of %s: %s", i.Severity, was, a.Reason), now); err != nil {
			return err
		}
		return s.called(ctx, tx, i, now)
	}
	next, reopened := i.attach(a, now)
	next = next.hits(s.Catalog(), regionLabels(s.Catalog(), a)...)
	kind, text := KindJoined, a.Headline()+"; it belongs here too"
	if reopened {
		kind, text = KindReopened, next.Reason
		next.Cause, next.Diagnosis = nil, diagnose.Diagnosis{}
		next = next.afresh(s.Catalog().Duty(next.Regions, now), i.Severity)
	}
	if err := s.append(ctx, tx, kind, next, event.System, text, now); err != nil {
		return err
	}
	if err := s.called(ctx, tx, next, now); err != nil {
		return err
	}
	if reopened {
		if err := s.arm(ctx, tx, next, now); err != nil {
			return err
		}
	}
	return s.diagnose(ctx, tx, next.ID, a, now)
}

// diagnose has the fleet looked at for an incident, when something of it is seen by us: of what only another system knows
// there is nothing to find.
func (s *Service) diagnose(ctx context.Context, tx Tx, incident ID, a detect.Alert, now time.Time) error {
	if a.Source != "" && len(s.Catalog().SLOsOf(a.Service)) == 0 && !slices.Contains(s.Graph.Services(now), a.Service) {
		return nil
	}
	return tx.Enqueue(ctx, job.New(jobDiagnose, string(incident), now, nil))
}

func (s *Service) open(ctx context.Context, tx Tx, a detect.Alert, now time.Time) error {
	n, err := tx.NextNumber(ctx, "incident")
	if err != nil {
		return err
	}
	i := Incident{
		ID: ID("INC-" + strconv.FormatInt(n, 10)), Group: a.Group, Title: a.Headline(), Severity: a.Severity,
		Status: begins(a), Service: a.Service, OpenedAt: now, OnsetAt: a.FiredAt, Alerts: []detect.AlertID{a.ID},
		Burning: named(a), Affected: named(a), Reason: a.Reason, FoundBy: a.Finder(),
	}.hits(s.Catalog(), regionLabels(s.Catalog(), a)...)
	if i.FoundBy != "" {
		i.OnsetAt = a.StartsAt
	}
	// Where a commander can be called, one is when people are told, so that a runbook that fixes it wakes nobody.
	if needsCommander(a.Severity) && s.Catalog().Duty(i.Regions, now).Policy == "" {
		if i.Commander, err = s.commander(ctx, tx, now); err != nil {
			return err
		}
	}
	if err := tx.SaveIncident(ctx, i); err != nil {
		return err
	}
	text := fmt.Sprintf("%s %s opened: %s", i.Severity, i.ID, i.Title)
	if i.Status == Queued {
		text += "; it is a ticket for the next business day"
	}
	if i.Commander != "" {
		text += "; commander by rota is " + i.Commander
	}
	if err := s.append(ctx, tx, KindOpened, i, event.System, text, now); err != nil {
		return err
	}
	return s.diagnose(ctx, tx, i.ID, a, now)
}

// commander returns who commands by rota when nobody can be called: whoever is on the schedule labelled role=commander.
func (s *Service) commander(ctx context.Context, tx Tx, now time.Time) (string, error) {
	c := s.Catalog()
	made, err := tx.Overrides(ctx, "", now, now.Add(time.Millisecond))
	if err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Schedules)) {
		if sch := c.Schedules[name]; sch.Labels["role"] == "commander" {
			if sh, err := rota.At(sch, made, now); err == nil && len(sh.Duties) > 0 {
				return sh.Duties[0].Person, nil
			}
		}
	}
	return "", nil
}

// How often an open incident is looked at again: until its cause is named, and after that.
const (
	lookEvery  = 2 * time.Second
	watchEvery = 5 * time.Second
)

// Look gathers the scene of an open incident, diagnoses it, updates its impact, and plans the next look.
func (s *Service) Look(ctx context.Context, incident ID, now time.Time) error {
	i, err := s.Get(ctx, incident)
	if err != nil || !i.Open() {
		return ignoreNotFound(err)
	}
	scene := s.scene(ctx, i, now)
	d := diagnose.Run(scene)
	impact, affected := s.impact(scene, i, now)
	return s.Store.Update(ctx, func(tx Tx) error {
		i, err := tx.Incident(ctx, incident)
		if err != nil || !i.Open() {
			return ignoreNotFound(err)
		}
		named, cause, why := name(i, d, now)
		grown := len(affected) > len(i.Affected)
		i = i.hits(s.Catalog(), servicesIn(s.Catalog(), affected)...)
		if i.Reopened == 0 {
			i.OnsetAt = scene.Onset
		}
		i.Affected, i.Impact = union(i.Affected, affected), i.Impact.atLeast(impact)
		if !i.Named() {
			i.Diagnosis = d
		}
		if named {
			i.Cause, i.Confidence, i.NamedAt = &cause, d.Confidence, now
			text := "no cause found: " + why
			if i.Named() {
				text = fmt.Sprintf("suspected cause: %s (%s)", d.Summary, why)
				if i.Reason = d.Summary; i.Status != Queued {
					i.Status = Identified
				}
			}
			i.Title = title(cause, i)
			e := s.event(KindNamed, i, event.System, text, now)
			e.Data = event.New("", now, "", "", "", Named{i, cause, d.Confidence}).Data
			if err := tx.Append(ctx, e); err != nil {
				return err
			}
		}
		if named || grown {
			text := i.toll()
			if err := s.append(ctx, tx, KindImpact, i, event.System, text, now); err != nil {
				return err
			}
		}
		if err := s.called(ctx, tx, i, now); err != nil {
			return err
		}
		next := lookEvery
		if i.Cause != nil {
			next = watchEvery
		}
		return tx.Enqueue(ctx, job.New(jobDiagnose, string(i.ID), now.Add(next), nil))
	})
}

func title(c diagnose.Suspect, i Incident) string {
	if c.Service == "" {
		return i.Title
	}
	return c.Service + ": " + strings.ReplaceAll(c.Kind, "_", " ")
}

// impact counts failed customer requests since the onset, and who is affected.
func (s *Service) impact(sc diagnose.Scene, i Incident, now time.Time) (Impact, []string) {
	c := s.Catalog()
	var im Impact
	affected := slices.Clone(i.Burning)
	for name, p := range sc.Services {
		im.LostRequests += p.During.RootErrs
		if svc := c.Services[name]; svc != nil {
			im.Revenue += float64(p.During.RootErrs) * svc.RevenuePerRequest
			if svc.Currency != "" {
				im.Currency = svc.Currency
			}
		}
		worse := p.During.ErrorShare() > p.Before.ErrorShare()+0.05 ||
			p.During.Quantile(0.9) > max(3*p.Before.Quantile(0.9), 300*time.Millisecond)
		if p.During.Requests >= 5 && worse && !slices.Contains(affected, name) {
			affected = append(affected, name)
		}
	}
	slices.Sort(affected)
	return im, affected
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	slices.Sort(out)
	return out
}

// Mitigating is the order that a run has begun to change something.
func (s *Service) Mitigating(ctx context.Context, tx Tx, incident ID, run, reason string, now time.Time) error {
	return s.status(ctx, tx, incident, Mitigating, run, reason, now)
}

// Failed is the order that a run ended without fixing the incident.
func (s *Service) Failed(ctx context.Context, tx Tx, incident ID, run, reason string, now time.Time) error {
	return s.status(ctx, tx, incident, Identified, run, reason, now)
}

func (s *Service) status(ctx context.Context, tx Tx, incident ID, to Status, run, reason string, now time.Time) error {
	i, err := tx.Incident(ctx, incident)
	if err != nil || !i.Open() || (i.Status == to && i.Run == run) {
		return ignoreNotFound(err)
	}
	i.Status, i.Run, i.Reason = to, run, reason
	if err := tx.SaveIncident(ctx, i); err != nil {
		return err
	}
	return s.append(ctx, tx, KindStatus, i, event.System, fmt.Sprintf("%s: %s", to, reason), now)
}

func (s *Service) resolve(ctx context.Context, tx Tx, i Incident, actor, reason string, now time.Time) error {
	if !i.Open() {
		return nil
	}
	i.Status, i.ResolvedAt, i.Reason = Resolved, now, reason
	if err := s.standDown(ctx, tx, &i, now); err != nil {
		return err
	}
	if err := tx.SaveIncident(ctx, i); err != nil {
		return err
	}
	if err := tx.Cancel(ctx, jobDiagnose, string(i.ID)); err != nil {
		return err
	}
	return s.append(ctx, tx, KindResolved, i, actor, fmt.Sprintf("%s resolved after %s: %s", i.ID, now.Sub(i.OpenedAt).Round(time.Second), reason), now)
}

// Resolve ends an incident because a person says so, and returns it as it is then: its reason says what still fires.
func (s *Service) Resolve(ctx context.Context, incident ID, by, reason string, now time.Time) (i Incident, err error) {
	if strings.TrimSpace(reason) == "" {
		return i, errs.New(errs.Invalid, "say why the incident is over")
	}
	err = s.Store.Update(ctx, func(tx Tx) error {
		if i, err = tx.Incident(ctx, incident); err != nil {
			return err
		}
		if !i.Open() {
			return errs.New(errs.Conflict, "%s is already resolved", incident)
		}
		why := by + " resolved " + string(i.ID) + ": " + reason
		still, err := detect.Settle(ctx, tx, s.Catalog(), i.Group, why, now)
		if err != nil {
			return err
		}
		said := reason
		if still.Alerts > 0 {
			why, said = why+"; "+still.String(), said+"; "+still.String()
		}
		if err := page.Ended(ctx, tx, i.Group, event.System, why, now); err != nil {
			return err
		}
		if err := s.resolve(ctx, tx, i, by, said, now); err != nil {
			return err
		}
		i, err = tx.Incident(ctx, incident)
		return err
	})
	return i, err
}

// Note writes something down on the incident's timeline.
func (s *Service) Note(ctx context.Context, incident ID, by, text string, now time.Time) error {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > 4000 {
		return errs.New(errs.Invalid, "a note has 1 to 4,000 characters; this has %d", len(text))
	}
	return s.Store.Update(ctx, func(tx Tx) error {
		i, err := tx.Incident(ctx, incident)
		if err != nil {
			return err
		}
		return s.append(ctx, tx, KindNoted, i, by, text, now)
	})
}

func (s *Service) event(kind string, i Incident, actor, text string, now time.Time) event.Event {
	e := event.New(kind, now, actor, string(i.ID), text, Changed{i})
	e.Group, e.Service = string(i.Group), i.Service
	return e
}

func (s *Service) append(ctx context.Context, tx Tx, kind string, i Incident, actor, text string, now time.Time) error {
	return tx.Append(ctx, s.event(kind, i, actor, text, now))
}

// Get returns an incident or an error with code not_found.
func (s *Service) Get(ctx context.Context, incident ID) (i Incident, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		i, err = tx.Incident(ctx, incident)
		return err
	})
	return i, err
}

// Declared returns the incident of an alert that somebody has just declared. It is opened by who follows the facts, which
// takes a moment. Nobody is told of a muted alert: that is an error with code conflict.
func (s *Service) Declared(ctx context.Context, a detect.Alert) (i Incident, err error) {
	if len(a.Muted) > 0 {
		return i, errs.New(errs.Conflict, "it is noted as %s, and nobody is told: %s", a.ID, strings.Join(a.Muted, "; "))
	}
	ctx, cancel := context.WithTimeout(ctx, declaredWithin)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err = s.Store.View(ctx, func(tx Tx) error { i, err = tx.IncidentOf(ctx, a.Group); return err })
		if !errs.Is(err, errs.NotFound) {
			return i, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return i, err
		}
	}
}

// declaredWithin is how long somebody who declares an incident waits for its name.
const declaredWithin = 3 * time.Second

// List returns the newest incidents, only unresolved ones when open is set.
func (s *Service) List(ctx context.Context, open bool, limit int) (out []Incident, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Incidents(ctx, open, limit)
		return err
	})
	return out, err
}

// Of returns the incident of a group of alerts, or an error with code not_found.
func (s *Service) Of(ctx context.Context, g detect.GroupID) (i Incident, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		i, err = tx.IncidentOf(ctx, g)
		return err
	})
	return i, err
}

// Timeline returns every fact of an incident, the oldest first.
func (s *Service) Timeline(ctx context.Context, incident ID) (out []event.Event, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		i, err := tx.Incident(ctx, incident)
		if err != nil {
			return err
		}
		out, err = tx.Events(ctx, event.Query{Group: string(i.Group), Limit: 5000})
		return err
	})
	return out, err
}
