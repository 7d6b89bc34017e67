package detect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/loop/catalog"
)

// admission puts the alerts of one transaction into groups. Each group is written once, and a storm is told in a few facts:
// an alert has a fact of its own when it opens a group, makes it worse, or is the first of its service in it; the others
// are counted.
type admission struct {
	s       *Service
	tx      Tx
	now     time.Time
	near    map[string]near // what was found out about a service
	touched map[GroupID]*Group
	order   []GroupID
	muted   []Alert
	home    *Group // for alerts that belong to no open group; a group of their own when nil
}

func (s *Service) admit(tx Tx, now time.Time) *admission {
	return &admission{s: s, tx: tx, now: now, touched: map[GroupID]*Group{}, near: map[string]near{}}
}

// add puts one alert, new or no longer muted, into its group, and returns it as it was saved.
func (e *admission) add(ctx context.Context, a Alert) (Alert, error) {
	g, why, err := e.find(ctx, a)
	if err != nil {
		return a, err
	}
	if len(a.Muted) > 0 {
		if g != nil {
			a.Group, a.GroupReason = g.ID, why
		}
		e.muted = append(e.muted, a)
		return a, e.tx.SaveAlert(ctx, a)
	}
	first := g == nil && e.home == nil
	if g == nil && e.home != nil {
		g, why = e.known(*e.home), a.Again
		g.Alerts-- // it was counted before
	}
	if first {
		g = &Group{ID: GroupID(id.New("grp", e.now)), OpenedAt: e.now}
		if a.synthetic() {
			g.ID = GroupID(a.Key)
		}
		e.touch(g)
	}
	told := g.take(a, first)
	a.Group, a.GroupReason, a.Told = g.ID, why, a.Told || told
	if err := e.tx.SaveAlert(ctx, a); err != nil {
		return a, err
	}
	if !told {
		g.Untold++
		if len(g.Examples) < 3 {
			g.Examples = append(g.Examples, a.Headline())
		}
		return a, nil
	}
	f := event.New(KindFired, e.now, event.System, string(a.ID), a.Headline()+": "+a.Reason, Fired{a, first, why})
	f.Service, f.Group = a.Service, string(a.Group)
	return a, e.tx.Append(ctx, f)
}

// again saves an alert that its source repeated. When it is worse than before that is told as firing again, so that a ticket
// can become a page and a page be raised. One that was muted may be muted no more, as its labels changed; one that people
// were told of is not muted by becoming worse.
func (e *admission) again(ctx context.Context, was, a Alert, cat *catalog.Catalog, silences []Silence, sources []Alert) (Alert, error) {
	if !a.Severity.Worse(was.Severity) {
		return a, e.tx.SaveAlert(ctx, a)
	}
	a.Inhibits = inhibits(a, cat)
	if len(was.Muted) > 0 {
		if a.Muted = mutedBy(a, silences, sources, cat, e.now); len(a.Muted) > 0 {
			return a, e.tx.SaveAlert(ctx, a)
		}
		return e.add(ctx, a)
	}
	g := e.touched[a.Group]
	if g == nil {
		stored, err := e.tx.Group(ctx, a.Group)
		if err != nil {
			return a, err
		}
		g = e.known(stored)
	}
	if a.Severity.Worse(g.Severity) {
		g.Severity = a.Severity
	}
	g.QuietAt, a.Told = time.Time{}, true
	if err := e.tx.SaveAlert(ctx, a); err != nil {
		return a, err
	}
	f := event.New(KindFired, e.now, event.System, string(a.ID), fmt.Sprintf("%s is %s instead of %s, says its source: %s", a.Headline(), a.Severity, was.Severity, a.Reason),
		Fired{Alert: a, GroupReason: "it is already part of it"})
	f.Service, f.Group = a.Service, string(a.Group)
	return a, e.tx.Append(ctx, f)
}

// mostKeys bounds how many group keys a group remembers; the store finds the others by its alerts.
const mostKeys = 100

// take adds an alert to the group and reports whether that is worth a fact of its own.
func (g *Group) take(a Alert, first bool) bool {
	known := a.Service == "" || slices.Contains(g.Services, a.Service)
	quiet := !g.QuietAt.IsZero()
	told := first || quiet || !known || a.Severity.Worse(g.Severity)
	if !known {
		g.Services = append(g.Services, a.Service)
	}
	if quiet || a.Severity.Worse(g.Severity) {
		g.Severity = a.Severity // how bad it was before it was calm says nothing: after a ticket, one that pages is worse
	}
	if a.GroupKey != "" && !slices.Contains(g.Keys, a.GroupKey) && len(g.Keys) < mostKeys {
		g.Keys = append(g.Keys, a.GroupKey)
	}
	g.QuietAt = time.Time{}
	g.Alerts++
	return told
}

func (e *admission) touch(g *Group) {
	e.touched[g.ID] = g
	e.order = append(e.order, g.ID)
}

// find returns the open group that an alert belongs to, and why; nil when it starts its own.
func (e *admission) find(ctx context.Context, a Alert) (*Group, string, error) {
	if a.GroupKey != "" {
		for _, gid := range e.order {
			if g := e.touched[gid]; slices.Contains(g.Keys, a.GroupKey) {
				return g, "alerts of the same rule and labels are one incident", nil
			}
		}
		g, err := e.tx.GroupOfKey(ctx, a.GroupKey)
		if err == nil && (g.QuietAt.IsZero() || e.now.Sub(g.QuietAt) <= Linger) {
			return e.known(g), "alerts of the same rule and labels are one incident", nil
		}
		if err != nil && !errs.Is(err, errs.NotFound) {
			return nil, "", err
		}
	}
	if a.Service == "" {
		return nil, "nothing else is known to belong to it", nil
	}
	n, err := e.nearOf(ctx, a.Service)
	if err != nil {
		return nil, "", err
	}
	candidates := make([]Group, 0, len(n.groups)+len(e.order))
	for _, gid := range e.order {
		candidates = append(candidates, *e.touched[gid])
	}
	for _, g := range n.groups {
		if e.touched[g.ID] == nil {
			candidates = append(candidates, g)
		}
	}
	g, why := join(candidates, a.Service, n.related, e.now)
	if g == nil {
		return nil, why, nil
	}
	return e.known(*g), why, nil
}

// near is which services share trouble with one, and the open groups with any of them, as they were stored.
type near struct {
	related []string
	groups  []Group
}

func (e *admission) nearOf(ctx context.Context, service string) (near, error) {
	n, known := e.near[service]
	if known {
		return n, nil
	}
	n.related = e.s.Related(service)
	var err error
	if n.groups, err = e.tx.OpenGroupsOf(ctx, append([]string{service}, n.related...)); err == nil {
		e.near[service] = n
	}
	return n, err
}

// known returns the copy of a group that this transaction changes.
func (e *admission) known(g Group) *Group {
	if t := e.touched[g.ID]; t != nil {
		return t
	}
	e.touch(&g)
	return &g
}

// finish writes the groups and tells of what was counted.
func (e *admission) finish(ctx context.Context) error {
	for _, gid := range e.order {
		g := e.touched[gid]
		if e.now.Sub(g.ToldAt) >= tellEvery {
			if err := g.tell(ctx, e.tx, e.now); err != nil {
				return err
			}
		}
		if err := e.tx.SaveGroup(ctx, *g, false); err != nil {
			return err
		}
	}
	if len(e.muted) == 0 {
		return nil
	}
	a := e.muted[0]
	text := fmt.Sprintf("nobody is told of %s: %s", a.Headline(), a.Muted[0])
	if n := len(e.muted) - 1; n > 0 {
		text += fmt.Sprintf("; and of %d more that came with it", n)
	}
	f := event.New(KindMuted, e.now, event.System, string(a.ID), text, Muted{Alert: a, Alerts: len(e.muted)})
	f.Service, f.Group = a.Service, string(a.Group)
	return e.tx.Append(ctx, f)
}

// tellEvery is how often it is told of a group how many more alerts joined it: a storm is thousands a second.
const tellEvery = 10 * time.Second

// tell says how many alerts joined the group since it was told last. The caller saves the group.
func (g *Group) tell(ctx context.Context, tx Tx, now time.Time) error {
	if g.Untold == 0 {
		return nil
	}
	text := fmt.Sprintf("%s joined: %s", more(g.Untold), list(g.Examples, g.Untold))
	f := event.New(KindJoined, now, event.System, string(g.ID), text, Joined{Group: g.ID, Alerts: g.Untold, Examples: g.Examples})
	f.Group = string(g.ID)
	g.Untold, g.Examples, g.ToldAt = 0, nil, now
	return tx.Append(ctx, f)
}

// more counts alerts that have no fact of their own.
func more(n int) string {
	if n == 1 {
		return "1 more alert"
	}
	return fmt.Sprintf("%d more alerts", n)
}

func list(examples []string, n int) string {
	out := ""
	for i, x := range examples {
		if i > 0 {
			out += "; "
		}
		out += x
	}
	if n > len(examples) {
		out += "; …"
	}
	return out
}

// end resolves alerts that fire, with the reason of each, and says of each group once when nothing is left of it.
func (s *Service) end(ctx context.Context, tx Tx, as []Alert, reason func(Alert) string, now time.Time) error {
	quiet, counted := map[GroupID]Alert{}, map[GroupID]int{}
	var order []GroupID
	for _, a := range as {
		a.State, a.ResolvedAt, a.Resolution = Resolved, now, reason(a)
		if err := tx.SaveAlert(ctx, a); err != nil {
			return err
		}
		if len(a.Muted) == 0 && a.Group != "" {
			if last, ok := quiet[a.Group]; !ok || last.Ticket() {
				quiet[a.Group] = a // one that pages decides
			}
			if !slices.Contains(order, a.Group) {
				order = append(order, a.Group)
			}
		}
		if !a.Told && a.Source != "" {
			counted[a.Group]++
			continue
		}
		e := event.New(KindResolved, now, event.System, string(a.ID), a.calm(), AlertResolved{a})
		e.Service, e.Group = a.Service, string(a.Group)
		if err := tx.Append(ctx, e); err != nil {
			return err
		}
	}
	for _, gid := range order {
		if n := counted[gid]; n > 0 {
			e := event.New(KindJoined, now, event.System, string(gid), more(n)+" resolved", Joined{Group: gid, Resolved: n})
			e.Group = string(gid)
			if err := tx.Append(ctx, e); err != nil {
				return err
			}
		}
		if err := s.calm(ctx, tx, gid, quiet[gid].Ticket(), "no alert fires any more", false, now); err != nil {
			return err
		}
	}
	return nil
}

// calm makes a group quiet when none of its alerts needs anybody any more. A ticket that still burns keeps nobody awake:
// only alerts that page keep a group from being calm, unless it was a ticket that ended last.
func (s *Service) calm(ctx context.Context, tx Tx, gid GroupID, ticket bool, reason string, muted bool, now time.Time) error {
	pages, all, err := tx.CountFiring(ctx, gid)
	if err != nil || pages > 0 || (all > 0 && ticket) {
		return err
	}
	return s.quiet(ctx, tx, gid, reason, muted, now)
}

// Receive takes alerts of other systems in. When it returns without an error everything is durable, also what was found
// to be a repetition.
func (s *Service) Receive(ctx context.Context, ins []Incoming, now time.Time) ([]Receipt, error) {
	if len(ins) == 0 {
		return nil, nil
	}
	cat, silences := s.Catalog(), s.currentSilences()
	var out []Receipt
	err := s.Store.Update(ctx, func(tx Tx) error {
		out = out[:0]
		return s.receive(ctx, tx, cat, silences, ins, now, &out)
	})
	if err != nil {
		return nil, fmt.Errorf("take %d alerts in: %w", len(ins), err)
	}
	return out, nil
}

func (s *Service) receive(ctx context.Context, tx Tx, cat *catalog.Catalog, silences []Silence, ins []Incoming, now time.Time, out *[]Receipt) error {
	firing, err := firingOf(ctx, tx, ins)
	if err != nil {
		return err
	}
	var sources []Alert
	if len(cat.Inhibitions) > 0 {
		if sources, err = tx.Inhibiting(ctx); err != nil {
			return err
		}
	}
	e := s.admit(tx, now)
	var over []Alert
	for _, in := range ins {
		key := Identity(in.Integration, in.Key)
		known := firing[key]
		next, did, _ := take(in, known, cat, now)
		if did == DidFire {
			next.ID = AlertID(id.New("al", now))
			next.Inhibits = inhibits(next, cat)
			if next.Inhibits {
				sources = append(sources, next)
			}
			next.Muted = mutedBy(next, silences, sources, cat, now)
			if next, err = e.add(ctx, next); err != nil {
				return err
			}
			firing[key] = &next
		}
		switch did {
		case DidRepeat:
			if next, err = e.again(ctx, *known, next, cat, silences, sources); err != nil {
				return err
			}
			firing[key] = &next
		case DidResolve:
			over = append(over, next)
			delete(firing, key)
		}
		*out = append(*out, Receipt{next.ID, did})
	}
	if err := e.finish(ctx); err != nil {
		return err
	}
	return s.end(ctx, tx, over, func(Alert) string { return "its source says that it is over" }, now)
}

func firingOf(ctx context.Context, tx Tx, ins []Incoming) (map[string]*Alert, error) {
	keys := make([]string, len(ins))
	for i, in := range ins {
		keys[i] = Identity(in.Integration, in.Key)
	}
	slices.Sort(keys)
	as, err := tx.FiringOf(ctx, slices.Compact(keys))
	if err != nil {
		return nil, err
	}
	out := make(map[string]*Alert, len(as))
	for i := range as {
		out[as[i].Identity()] = &as[i]
	}
	return out, nil
}

// expireAtOnce bounds how many alerts one transaction resolves.
const expireAtOnce = 500

// expire resolves alerts that their source has not repeated in time.
func (s *Service) expire(ctx context.Context, now time.Time) error {
	for {
		var due []Alert
		err := s.Store.View(ctx, func(tx Tx) (err error) { due, err = tx.Expired(ctx, now, expireAtOnce); return err })
		if err != nil || len(due) == 0 {
			return err
		}
		err = s.Store.Update(ctx, func(tx Tx) error {
			due, err := tx.Expired(ctx, now, expireAtOnce)
			if err != nil {
				return err
			}
			return s.end(ctx, tx, due, func(a Alert) string {
				if a.AutoResolve > 0 {
					return fmt.Sprintf("nothing was heard of it for %s, after which alerts of %s are resolved", a.AutoResolve, a.Service)
				}
				return fmt.Sprintf("%s has not repeated it since %s", cmp.Or(a.Source, "its source"), a.UpdatedAt.UTC().Format("15:04:05 UTC"))
			}, now)
		})
		if err != nil || len(due) < expireAtOnce {
			return err
		}
	}
}
