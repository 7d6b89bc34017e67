package detect

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
)

// alertLabel is a label that every alert has for silences, and no other: its id.
const alertLabel = "nightkeeper_alert"

// Snooze silences one firing alert until a time: people are told then when it still fires. An alert that does not fire is an
// error with code not_found.
func (s *Service) Snooze(ctx context.Context, integration, key string, until time.Time, why, by string, now time.Time) (Silence, error) {
	a, err := s.FiringOf(ctx, integration, key)
	if err != nil {
		return Silence{}, err
	}
	return s.Silence(ctx, Silence{
		Match: []string{alertLabel + "=" + strconv.Quote(string(a.ID))}, StartsAt: now, EndsAt: until, CreatedBy: by,
		Comment: cmp.Or(strings.TrimSpace(why), "snoozed"),
	}, by, now)
}

// Snoozed returns until when an alert alone is silenced; zero when it is not.
func (s *Service) Snoozed(a Alert, now time.Time) (until time.Time) {
	for _, x := range s.currentSilences() {
		if len(x.Match) == 1 && strings.HasPrefix(x.Match[0], alertLabel+"=") && x.Active(now) && x.Mutes(a) && x.EndsAt.After(until) {
			until = x.EndsAt
		}
	}
	return until
}

// Call asks for somebody to be told of a firing alert besides those of its policy. Exactly one of Person, Schedule, Team and
// Policy is set; a policy replaces the one that the page has, and begins anew.
type Call struct {
	Alert    AlertID `json:"alert"`
	Group    GroupID `json:"group"`
	Person   string  `json:"person,omitempty"`
	Schedule string  `json:"schedule,omitempty"`
	Team     string  `json:"team,omitempty"`
	Policy   string  `json:"policy,omitempty"`
	Owner    bool    `json:"owner,omitempty"` // the person is who has it from now on
}

// check says whom the call is for, or what is wrong with it.
func (x Call) check(c *catalog.Catalog) (string, error) {
	var out []string
	for _, t := range []struct {
		name, what string
		there      bool
	}{
		{x.Person, "person", c.People[x.Person] != nil}, {x.Schedule, "schedule", c.Schedules[x.Schedule] != nil}, {x.Team, "team", c.Teams[x.Team] != nil},
		{x.Policy, "escalation policy", c.Policies[x.Policy] != nil},
	} {
		switch {
		case t.name == "":
		case !t.there:
			return "", errs.New(errs.Invalid, "there is no %s %.100q in the catalog", t.what, t.name)
		case t.what == "person":
			out = append(out, t.name)
		default:
			out = append(out, "the "+t.what+" "+t.name)
		}
	}
	if len(out) != 1 {
		return "", errs.New(errs.Invalid, "name one person, schedule, team or escalation policy")
	}
	return out[0], nil
}

// Call has somebody told of a firing alert of an integration. An alert that does not fire is an error with code not_found, and
// somebody who is not in the catalog one with code invalid.
func (s *Service) Call(ctx context.Context, integration, key string, to Call, by string, now time.Time) (a Alert, err error) {
	whom, err := to.check(s.Catalog())
	if err != nil {
		return a, err
	}
	err = s.change(ctx, integration, key, func(tx Tx, cur Alert) error {
		a = cur
		a.UpdatedAt = now
		text := by + " asked for " + whom + " on " + a.Headline()
		if to.Owner {
			a.Owner, text = to.Person, by+" gave "+a.Headline()+" to "+whom
		}
		if err := tx.SaveAlert(ctx, a); err != nil {
			return err
		}
		to.Alert, to.Group = a.ID, a.Group
		return s.tellOf(ctx, tx, KindCalled, a, by, text, to, now)
	})
	return a, err
}

// Relabel changes labels of a firing alert of an integration: those of set are written, those of drop removed. What is silenced
// by its labels is decided again; service, severity and group stay as they were told.
func (s *Service) Relabel(ctx context.Context, integration, key string, set map[string]string, drop []string, by string, now time.Time) (a Alert, err error) {
	cat, silences := s.Catalog(), s.currentSilences()
	err = s.change(ctx, integration, key, func(tx Tx, cur Alert) error {
		a = cur
		a.Labels, a.UpdatedAt = maps.Clone(cur.Labels), now
		if a.Labels == nil {
			a.Labels = map[string]string{}
		}
		var said []string
		for _, name := range slices.Sorted(maps.Keys(set)) {
			if a.Labels[name] != set[name] {
				a.Labels[name] = set[name]
				said = append(said, name+" is "+strconv.Quote(set[name]))
			}
		}
		for _, name := range drop {
			if _, ok := a.Labels[name]; ok {
				delete(a.Labels, name)
				said = append(said, name+" is gone")
			}
		}
		if len(said) == 0 {
			return nil
		}
		if err := tx.SaveAlert(ctx, a); err != nil {
			return err
		}
		text := "labels: " + strings.Join(said, ", ")
		if err := s.tellOf(ctx, tx, KindNoted, a, by, fmt.Sprintf("%s on %s: %s", by, a.Headline(), text), Noted{a.ID, a.Group, text}, now); err != nil {
			return err
		}
		var sources []Alert
		if len(cat.Inhibitions) > 0 {
			var err error
			if sources, err = tx.Inhibiting(ctx); err != nil {
				return err
			}
		}
		return s.remuteThese(ctx, tx, []AlertID{a.ID}, cat, silences, sources, now)
	})
	return a, err
}
