package detect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect/slo"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
)

// Config is what a Service needs. All fields but Formats and Tokens are required.
type Config struct {
	Store   Store
	Catalog func() *catalog.Catalog
	Related func(service string) []string // which others share trouble with it, by the service graph
	At      func(address string) string   // the service that answers at an address which a client called
	Log     *slog.Logger

	Formats []Format                                   // in which other systems send alerts
	Tokens  func(ctx context.Context) ([]Token, error) // that may send alerts
}

// Service counts events and keeps alerts. It is safe for concurrent use.
type Service struct {
	Config
	mu       sync.RWMutex
	ledgers  map[string]*slo.Ledger
	pulses   map[string]*slo.Pulse   // by service
	expected map[string]*expectation // by service
	muting   muting
	muteMu   sync.Mutex // one look at who is muted at a time
	index    atomic.Pointer[index]
	payloads payloads
	meter    *meter
	sliced   map[string]bool // whose slices were judged since the start; only Tick looks at it

	exclusions atomic.Pointer[[]Exclusion] // approved ones
}

// index finds the SLOs that a span or a point of a metric counts for.
type index struct {
	hash      string
	byService map[string][]entry     // that count spans
	byMetric  map[string][]selection // that count metrics
	pulses    map[string]*slo.Pulse  // of all services with an SLO
}

type entry struct {
	slo    *catalog.SLO
	ledger *slo.Ledger
	mark   string // since when it is followed, when it counts metrics
}

// New returns a service with empty ledgers; call Restore before the first event.
func New(c Config) *Service {
	return &Service{Config: c, ledgers: map[string]*slo.Ledger{}, pulses: map[string]*slo.Pulse{}, expected: map[string]*expectation{}, meter: newMeter(), sliced: map[string]bool{}}
}

// Restore reads the ledgers and the silences back from the store, without what is dated after now.
func (s *Service) Restore(ctx context.Context, now time.Time) error {
	ahead := 0
	err := s.Store.View(ctx, func(tx Tx) error {
		if err := s.meter.restore(ctx, tx, s.Catalog()); err != nil {
			return err
		}
		return tx.Buckets(ctx, func(name string, b slo.Bucket) {
			if !s.Ledger(name).Restore(b, now) {
				ahead++
			}
		})
	})
	if ahead > 0 {
		s.Log.Warn("buckets of ledgers that begin in the future are left out; was the clock set back?", "buckets", ahead)
	}
	if err != nil {
		return err
	}
	s.meter.followed(s.indexed(), now)
	return errors.Join(s.ReadSilences(ctx, now), s.readExclusions(ctx, now))
}

// Ledger returns the ledger of an SLO, an empty one when nothing was counted yet.
func (s *Service) Ledger(name string) *slo.Ledger {
	s.mu.RLock()
	l := s.ledgers[name]
	s.mu.RUnlock()
	if l != nil {
		return l
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l = s.ledgers[name]; l == nil {
		l = slo.NewLedger()
		s.ledgers[name] = l
	}
	return l
}

// Count counts spans into the ledgers: one event for each server span of a service with an SLO, good when it did not
// fail and was not slower than the SLO allows. A call that never reached the service has no server span: it is a bad
// event of the service that was called, told by its caller.
func (s *Service) Count(spans []observe.Span) {
	idx := s.indexed()
	for i := range spans {
		sp := &spans[i]
		at := sp.Start.Add(sp.Duration)
		switch sp.Kind {
		case observe.Server, observe.Consumer:
			for _, e := range idx.byService[sp.Service] {
				if e.slo.Operation != "" && e.slo.Operation != sp.Name {
					continue
				}
				good := int64(1)
				if sp.Error || (e.slo.MaxDuration > 0 && sp.Duration > e.slo.MaxDuration) {
					good = 0
				}
				e.ledger.Add(at, good, 1)
			}
		case observe.Client, observe.Producer:
			s.countUnanswered(idx, sp, at)
		case observe.Internal:
		}
	}
}

func (s *Service) countUnanswered(idx *index, sp *observe.Span, at time.Time) {
	if !sp.Error || sp.Peer == "" {
		return
	}
	answer := graph.AnswerTo(sp)
	if answer == graph.Answered {
		return
	}
	service := s.At(sp.Peer)
	if p := idx.pulses[service]; p != nil {
		p.Unanswered(at)
	}
	for _, e := range idx.byService[service] {
		if answer == graph.Unreached && (e.slo.Operation == "" || e.slo.Operation == sp.Name) {
			e.ledger.Add(at, 0, 1)
		}
	}
}

// Beat notes that a service reported metrics.
func (s *Service) Beat(service string, at time.Time) {
	if p := s.indexed().pulses[service]; p != nil {
		p.Beat(at)
	}
}

// pulse returns the signs of life of a service.
func (s *Service) pulse(service string) *slo.Pulse {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pulses[service]
	if p == nil {
		p = &slo.Pulse{}
		s.pulses[service] = p
	}
	return p
}

// missing judges what is missing of an objective's requests because its service is gone.
func (s *Service) missing(o *catalog.SLO, since, now time.Time) slo.Absence {
	var others time.Time
	s.mu.RLock()
	for service, p := range s.pulses {
		if beat := p.LastBeat(); service != o.Service && beat.After(others) {
			others = beat
		}
	}
	s.mu.RUnlock()
	if o.Metrics != nil || o.Slices != nil { // between two reports or slices there is nothing good, whatever callers say
		return slo.Missing(s.LedgerOf(o), s.pulse(o.Service).Beats(), since, others, now)
	}
	return slo.Missing(s.LedgerOf(o), s.pulse(o.Service), since, others, now)
}

func (s *Service) indexed() *index {
	cat := s.Catalog()
	if idx := s.index.Load(); idx != nil && idx.hash == cat.Hash {
		return idx
	}
	idx := &index{hash: cat.Hash, byService: map[string][]entry{}, byMetric: map[string][]selection{}, pulses: map[string]*slo.Pulse{}}
	for name, o := range cat.SLOs {
		idx.pulses[o.Service] = s.pulse(o.Service)
		if o.Metrics == nil {
			idx.byService[o.Service] = append(idx.byService[o.Service], entry{slo: o, ledger: s.Ledger(name)})
			continue
		}
		e := entry{o, s.Ledger(name), markOf(o)}
		for role, x := range o.Metrics.Parts() {
			idx.byMetric[x.Metric] = append(idx.byMetric[x.Metric], selection{e, role, x})
		}
	}
	s.index.Store(idx)
	return idx
}

// Flush writes the buckets that changed. What cannot be written is tried again by the next call.
func (s *Service) Flush(ctx context.Context) error {
	s.meter.mu.Lock()
	s.mu.RLock()
	dirty := map[string][]slo.Bucket{}
	for name, l := range s.ledgers {
		if bs := l.Dirty(); len(bs) > 0 {
			dirty[name] = bs
		}
	}
	s.mu.RUnlock()
	known := s.meter.snapshot()
	s.meter.mu.Unlock()
	if len(dirty) == 0 && known.empty() {
		return nil
	}
	err := s.Store.Update(ctx, func(tx Tx) error {
		if err := known.write(ctx, tx); err != nil {
			return err
		}
		for name, bs := range dirty {
			if err := tx.SaveBuckets(ctx, name, bs); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		for name, bs := range dirty {
			s.Ledger(name).MarkDirty(bs)
		}
		s.meter.unwritten(known)
		return fmt.Errorf("write ledgers: %w", err)
	}
	return nil
}

// Trim removes stored buckets that the ledgers no longer keep, and payloads that nobody needs to see any more.
func (s *Service) Trim(ctx context.Context, now time.Time) error {
	s.meter.forget(now)
	return s.Store.Update(ctx, func(tx Tx) error {
		for i, r := range slo.Resolutions {
			if err := tx.DropBuckets(ctx, i, now.UnixNano()/int64(r.Width)-r.Keep); err != nil {
				return err
			}
		}
		return tx.DropPayloads(ctx, now.Add(-payloadsFor))
	})
}

// Tick looks at every SLO and fires or resolves alerts. It writes only when something changed.
func (s *Service) Tick(ctx context.Context, now time.Time) error {
	var last []Alert
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		last, err = tx.LastAlerts(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("read alerts: %w", err)
	}
	latest := map[string]*Alert{}
	for i := range last {
		latest[last[i].SLO] = &last[i]
	}
	s.meter.followed(s.indexed(), now)
	cat := s.Catalog()
	var failed []error // an alert that cannot be written delays no other
	for _, name := range sortedNames(cat.SLOs) {
		o, a := cat.SLOs[name], latest[name]
		if o.Slices != nil {
			s.slice(o, now)
		}
		var open *Alert
		var since time.Time
		if a != nil && a.State == Firing {
			open = a
		} else if a != nil {
			since = a.ResolvedAt
		}
		switch c := decide(o, s.LedgerOf(o), s.missing(o, since, now), open, since, now); {
		case c.fire:
			held, err := s.heldBack(ctx, o, c, now)
			if err == nil && !held {
				err = s.fire(ctx, cat, o, c, now)
			}
			failed = append(failed, err)
		case c.raise:
			failed = append(failed, s.raise(ctx, cat, o, *open, c, now))
		case c.resolve:
			failed = append(failed, s.resolve(ctx, *open, c.reason, now))
		}
	}
	for _, a := range last {
		if a.State == Firing && cat.SLOs[a.SLO] == nil {
			failed = append(failed, s.resolve(ctx, a, "the objective is no longer declared", now))
		}
	}
	return errors.Join(append(failed, s.expire(ctx, now), s.mute(ctx, now), s.closeGroups(ctx, now), s.readExclusions(ctx, now))...)
}

func (s *Service) fire(ctx context.Context, cat *catalog.Catalog, o *catalog.SLO, c change, now time.Time) error {
	severity := severityOf(cat.TierOf(o.Service), c.reading.Rule)
	a := Alert{
		ID: AlertID(id.New("al", now)), SLO: o.Name, Service: o.Service, State: Firing, Reading: c.reading, Reason: c.reason,
		Severity: severity, Labels: labelsOf(o, cat, severity), FiredAt: now, UpdatedAt: now,
		Links: linksFor(o.Service, now.Add(-10*time.Minute), now.Add(5*time.Minute)),
	}
	a.Inhibits = inhibits(a, cat)
	err := s.Store.Update(ctx, func(tx Tx) error {
		var sources []Alert
		if len(cat.Inhibitions) > 0 {
			var err error
			if sources, err = tx.Inhibiting(ctx); err != nil {
				return err
			}
		}
		a.Muted = mutedBy(a, s.currentSilences(), sources, cat, now)
		e := s.admit(tx, now)
		if _, err := e.add(ctx, a); err != nil {
			return err
		}
		return e.finish(ctx)
	})
	if err != nil {
		return fmt.Errorf("fire alert for %s: %w", o.Name, err)
	}
	return nil
}

// raise makes a firing alert worse: a faster rule fires now. It is told as a fact of firing again, so that a ticket can
// become a page.
func (s *Service) raise(ctx context.Context, cat *catalog.Catalog, o *catalog.SLO, a Alert, c change, now time.Time) error {
	err := s.Store.Update(ctx, func(tx Tx) error {
		cur, err := tx.Alert(ctx, a.ID)
		if err != nil || cur.State != Firing {
			return err
		}
		cur.Reading, cur.Reason = c.reading, c.reason
		cur.Severity = severityOf(cat.TierOf(o.Service), c.reading.Rule)
		if err := tx.SaveAlert(ctx, cur); err != nil {
			return err
		}
		g, err := tx.Group(ctx, cur.Group)
		if err != nil && !errs.Is(err, errs.NotFound) {
			return err
		}
		if err == nil && (cur.Severity.Worse(g.Severity) || !g.QuietAt.IsZero()) {
			if cur.Severity.Worse(g.Severity) {
				g.Severity = cur.Severity
			}
			g.QuietAt = time.Time{}
			if err := tx.SaveGroup(ctx, g, false); err != nil {
				return err
			}
		}
		e := event.New(KindFired, now, event.System, string(cur.ID), fmt.Sprintf("%s burns its budget faster than before: %s", cur.Service, cur.Reason),
			Fired{Alert: cur, GroupReason: "it is already part of it"})
		e.Service, e.Group = cur.Service, string(cur.Group)
		return tx.Append(ctx, e)
	})
	if err != nil {
		return fmt.Errorf("raise alert %s: %w", a.ID, err)
	}
	return nil
}

func (s *Service) resolve(ctx context.Context, a Alert, reason string, now time.Time) error {
	err := s.Store.Update(ctx, func(tx Tx) error {
		cur, err := tx.Alert(ctx, a.ID)
		if err != nil || cur.State != Firing {
			return err
		}
		return s.end(ctx, tx, []Alert{cur}, func(Alert) string { return reason }, now)
	})
	if err != nil {
		return fmt.Errorf("resolve alert %s: %w", a.ID, err)
	}
	return nil
}

func (s *Service) quiet(ctx context.Context, tx Tx, id GroupID, reason string, muted bool, now time.Time) error {
	g, err := tx.Group(ctx, id)
	if errs.Is(err, errs.NotFound) || (err == nil && !g.QuietAt.IsZero() && !g.Settled) {
		return nil
	}
	if err != nil {
		return err
	}
	if g.Settled {
		if err := tx.Cancel(ctx, jobAgain, string(id)); err != nil {
			return err
		}
	}
	g.QuietAt, g.Settled = now, false
	if err := tx.SaveGroup(ctx, g, false); err != nil {
		return err
	}
	e := event.New(KindGroupCalm, now, event.System, string(id), reason, GroupCalm{id, now, reason, muted})
	e.Group = string(id)
	return tx.Append(ctx, e)
}

// closeGroups closes the groups that have been quiet for long enough, and tells of the alerts that joined the others.
func (s *Service) closeGroups(ctx context.Context, now time.Time) error {
	due := func(tx Tx) ([]Group, error) {
		gs, err := tx.OverdueGroups(ctx, now.Add(-Linger), now.Add(-tellEvery))
		return slices.DeleteFunc(gs, func(g Group) bool { return g.Untold == 0 && !g.over(now) }), err
	}
	var todo []Group
	err := s.Store.View(ctx, func(tx Tx) (err error) { todo, err = due(tx); return err })
	if err != nil || len(todo) == 0 {
		return err
	}
	return s.Store.Update(ctx, func(tx Tx) error {
		groups, err := due(tx)
		if err != nil {
			return err
		}
		for _, g := range groups {
			if err := g.tell(ctx, tx, now); err != nil {
				return err
			}
			if err := tx.SaveGroup(ctx, g, g.over(now)); err != nil {
				return err
			}
		}
		return nil
	})
}

// over reports whether the group takes no relapse any more.
func (g Group) over(now time.Time) bool {
	return !g.QuietAt.IsZero() && now.Sub(g.QuietAt) > Linger && !g.Settled
}

// Calm reports whether every given SLO kept its objective over the last d, with traffic, and names those that did not.
func (s *Service) Calm(slos []string, d time.Duration, now time.Time) (bool, []string) {
	cat := s.Catalog()
	var burning []string
	for _, name := range slos {
		o := cat.SLOs[name]
		if o == nil {
			continue
		}
		if gone := s.missing(o, time.Time{}, now); gone.Rate > 0 {
			burning = append(burning, name+": "+gone.String())
		} else if c := s.LedgerOf(o).Sum(now.Add(-d), now); !slo.Calm(c, o.Budget()) {
			burning = append(burning, fmt.Sprintf("%s: %d of %d events bad in the last %s", name, c.Bad(), c.Total, d))
		}
	}
	return len(burning) == 0, burning
}

// Alerts returns the alerts of a group, or of all when group is empty; only firing ones when firing is set.
func (s *Service) Alerts(ctx context.Context, group GroupID, firing bool) (out []Alert, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Alerts(ctx, group, firing)
		return err
	})
	return out, err
}

// Alert returns an alert, or an error with code not_found.
func (s *Service) Alert(ctx context.Context, id AlertID) (a Alert, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		a, err = tx.Alert(ctx, id)
		return err
	})
	return a, err
}

// Status is an SLO with its budget and what its rules see.
type Status struct {
	SLO      *catalog.SLO  `json:"slo"`
	Budget   slo.Budget    `json:"budget"`
	Readings []slo.Reading `json:"readings"`
	First    time.Time     `json:"first"`           // first event counted
	Notes    []string      `json:"notes,omitempty"` // what to know of how its events are counted
}

// Statuses returns every SLO's status, by name.
func (s *Service) Statuses(now time.Time) []Status {
	cat := s.Catalog()
	var out []Status
	for _, name := range sortedNames(cat.SLOs) {
		out = append(out, s.Status(cat.SLOs[name], now))
	}
	return out
}

// Status returns one SLO's status.
func (s *Service) Status(o *catalog.SLO, now time.Time) Status {
	l := s.LedgerOf(o)
	gone := s.missing(o, time.Time{}, now)
	st := Status{SLO: o, Budget: s.Spent(o, now), First: l.First(), Notes: s.meter.notesOf(o)}
	for _, r := range slo.For(o) {
		st.Readings = append(st.Readings, slo.Read(l, r, o, gone, time.Time{}, now))
	}
	return st
}

func sortedNames[T any](m map[string]T) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
