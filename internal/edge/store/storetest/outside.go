package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/detect/slo"
)

// outside is an alert of another system.
func outside(key, group string, change func(*detect.Alert)) detect.Alert {
	a := detect.Alert{ID: detect.AlertID("al_" + key), Source: "alertmanager", Integration: "prom", Key: key, Service: "svc", Group: detect.GroupID(group),
		GroupKey: "k-" + group, Severity: detect.SEV2, State: detect.Firing, FiredAt: at(1), Labels: map[string]string{"alertname": "A"}}
	if change != nil {
		change(&a)
	}
	return a
}

// ids reads alerts and returns what they are called.
func ids(w world, query func(ctx context.Context, tx *store.Tx) ([]detect.Alert, error)) string {
	w.Helper()
	var out []string
	for _, a := range read(w, query) {
		out = append(out, a.Key)
	}
	return fmt.Sprint(out)
}

var outsideTests = []exercise{
	{"alerts from outside are found by identity, by group, by what may mute, and when nobody repeats them", func(w world) {
		w.update(func(ctx context.Context, tx *store.Tx) error {
			for _, a := range []detect.Alert{
				outside("a", "g1", nil),
				outside("b", "g1", func(a *detect.Alert) { a.Severity = detect.SEV4 }),
				outside("c", "g1", func(a *detect.Alert) { a.Muted = []string{"silence"}; a.Inhibits = true }),
				outside("d", "g2", func(a *detect.Alert) { a.EndsAt = at(50) }),
				outside("e", "g2", func(a *detect.Alert) { a.State = detect.Resolved; a.EndsAt = at(40); a.Inhibits = true }),
			} {
				if err := tx.SaveAlert(ctx, a); err != nil {
					return err
				}
			}
			return nil
		})
		f := func(what, want string, query func(ctx context.Context, tx *store.Tx) ([]detect.Alert, error)) {
			w.Helper()
			same(w, what, ids(w, query), want)
		}
		f("by identity", "[a d]", func(ctx context.Context, tx *store.Tx) ([]detect.Alert, error) {
			return tx.FiringOf(ctx, []string{"prom/a", "prom/d", "prom/e", "other/b"})
		})
		f("none by no identity", "[]", func(ctx context.Context, tx *store.Tx) ([]detect.Alert, error) { return tx.FiringOf(ctx, nil) })
		f("after b, two", "[c d]", func(ctx context.Context, tx *store.Tx) ([]detect.Alert, error) { return tx.Firing(ctx, "al_b", 2) })
		f("that mute", "[c]", func(ctx context.Context, tx *store.Tx) ([]detect.Alert, error) { return tx.Inhibiting(ctx) })
		f("not yet over", "[]", func(ctx context.Context, tx *store.Tx) ([]detect.Alert, error) { return tx.Expired(ctx, at(49), 10) })
		f("over", "[d]", func(ctx context.Context, tx *store.Tx) ([]detect.Alert, error) { return tx.Expired(ctx, at(50), 10) })
		f("all, the newest first", "[e d c b a]", func(ctx context.Context, tx *store.Tx) ([]detect.Alert, error) {
			return tx.FindAlerts(ctx, detect.Filter{})
		})
		yes := true
		f("muted", "[c]", func(ctx context.Context, tx *store.Tx) ([]detect.Alert, error) {
			return tx.FindAlerts(ctx, detect.Filter{Muted: &yes})
		})
		f("everything at once", "[a]", func(ctx context.Context, tx *store.Tx) ([]detect.Alert, error) {
			return tx.FindAlerts(ctx, detect.Filter{State: detect.Firing, Service: "svc", Severity: detect.SEV2, Integration: "prom", Before: "al_c", Limit: 1})
		})
		f("by what was said", "[b]", func(ctx context.Context, tx *store.Tx) ([]detect.Alert, error) {
			return tx.FindAlerts(ctx, detect.Filter{State: detect.Firing, Words: []string{"AL_B", "key"}})
		})
		w.update(func(ctx context.Context, tx *store.Tx) error {
			pages, all, err := tx.CountFiring(ctx, "g1")
			same(w, "that page", pages, 1)
			same(w, "that fire", all, 2)
			return err
		})
	}},
	{"an alert of an SLO and one from outside do not take each other's place, and one identity fires once", func(w world) {
		own := detect.Alert{ID: "al_1", SLO: "prom", State: detect.Firing, FiredAt: at(1), Reading: slo.Reading{Rule: slo.Rule{Class: slo.Ticket}}}
		w.update(func(ctx context.Context, tx *store.Tx) error {
			if err := tx.SaveAlert(ctx, own); err != nil {
				return err
			}
			return tx.SaveAlert(ctx, outside("a", "g", nil))
		})
		same(w, "newest of SLOs", len(read(w, func(ctx context.Context, tx *store.Tx) ([]detect.Alert, error) { return tx.LastAlerts(ctx) })), 1)
		w.conflict("the same identity twice", func(ctx context.Context, tx *store.Tx) error {
			return tx.SaveAlert(ctx, outside("a", "g", func(a *detect.Alert) { a.ID = "al_other" }))
		})
	}},
	{"an open group is found by the key of its alerts", func(w world) {
		w.update(func(ctx context.Context, tx *store.Tx) error {
			for i, g := range []string{"g1", "g2"} {
				a := outside(g, g, func(a *detect.Alert) { a.GroupKey = "same"; a.FiredAt = at(i) })
				if err := tx.SaveAlert(ctx, a); err != nil {
					return err
				}
				if err := tx.SaveGroup(ctx, detect.Group{ID: detect.GroupID(g), OpenedAt: at(i)}, false); err != nil {
					return err
				}
			}
			return nil
		})
		of := func(key string) func(ctx context.Context, tx *store.Tx) (detect.Group, error) {
			return func(ctx context.Context, tx *store.Tx) (detect.Group, error) { return tx.GroupOfKey(ctx, key) }
		}
		same(w, "the newest", string(read(w, of("same")).ID), "g2")
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return tx.SaveGroup(ctx, detect.Group{ID: "g2", OpenedAt: at(1)}, true)
		})
		missing(w, "when it is closed", of("same"))
		missing(w, "a key of nobody", of("other"))
	}},
	{"exclusions come back by when they end, and change in place", func(w world) {
		x := func(id string, to int) detect.Exclusion {
			return detect.Exclusion{ID: detect.ExclusionID(id), Cause: detect.Attack, Services: []string{"checkout"}, From: at(1), To: at(to), State: detect.ExclusionAsked}
		}
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveExclusion(ctx, x("x1", 10)), tx.SaveExclusion(ctx, x("x2", 20)))
		})
		w.update(func(ctx context.Context, tx *store.Tx) error {
			y := x("x2", 20)
			y.State = detect.ExclusionApproved
			return tx.SaveExclusion(ctx, y)
		})
		after := func(second int) string {
			out := ""
			for _, x := range read(w, func(ctx context.Context, tx *store.Tx) ([]detect.Exclusion, error) {
				return tx.Exclusions(ctx, at(second))
			}) {
				out += string(x.ID) + " " + string(x.State) + " "
			}
			return out
		}
		same(w, "all, the newest first", after(0), "x2 approved x1 asked ")
		same(w, "those that end later", after(10), "x2 approved ")
		missing(w, "one that is not there", func(ctx context.Context, tx *store.Tx) (detect.Exclusion, error) { return tx.Exclusion(ctx, "x9") })
	}},
	{"silences come back until they are over, and change in place", func(w world) {
		x := func(id string, from, to int) detect.Silence {
			return detect.Silence{ID: detect.SilenceID(id), Match: []string{`a="b"`}, StartsAt: at(from), EndsAt: at(to), CreatedBy: "mira", Comment: "c",
				Weekly: &catalog.Hours{Days: []string{"mon"}, From: "22:00", To: "02:00", TimeZone: "Europe/Berlin"}}
		}
		w.update(func(ctx context.Context, tx *store.Tx) error {
			for _, s := range []detect.Silence{x("s1", 1, 10), x("s2", 2, 20)} {
				if err := tx.SaveSilence(ctx, s); err != nil {
					return err
				}
			}
			return nil
		})
		until := func(second int) string {
			out := ""
			for _, s := range read(w, func(ctx context.Context, tx *store.Tx) ([]detect.Silence, error) {
				return tx.Silences(ctx, at(second).Add(-time.Microsecond))
			}) {
				out += string(s.ID) + " "
			}
			return out
		}
		same(w, "both", until(10), "s2 s1 ")
		same(w, "the later one", until(11), "s2 ")
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveSilence(ctx, x("s2", 2, 5)) })
		same(w, "ended", until(11), "")
		same(w, "one", read(w, func(ctx context.Context, tx *store.Tx) (detect.Silence, error) { return tx.Silence(ctx, "s1") }).Match, []string{`a="b"`})
		missing(w, "no silence", func(ctx context.Context, tx *store.Tx) (detect.Silence, error) { return tx.Silence(ctx, "x") })
	}},
}
