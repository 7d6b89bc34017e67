package storetest

import (
	"context"
	"errors"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/detect/slo"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/remediate/script"
	"nightkeeper/internal/loop/respond"
)

// conflict checks that the database refuses what fn writes because something else is in its place.
func (w world) conflict(what string, fn func(ctx context.Context, tx *store.Tx) error) {
	w.Helper()
	w.code(what, w.db.Update(w.Context(), func(tx *store.Tx) error { return fn(w.Context(), tx) }), errs.Conflict)
}

var authTests = []exercise{
	{"accounts come back by name and in order, and their password and role can change", func(w world) {
		a, b := account("b"), account("a")
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveAccount(ctx, a), tx.SaveAccount(ctx, b))
		})
		a.Password, a.Role, a.Disabled = "other", "viewer", at(7)
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveAccount(ctx, a) })
		same(w, "accounts", read(w, func(ctx context.Context, tx *store.Tx) ([]store.Account, error) { return tx.Accounts(ctx) }), []store.Account{b, a})
		same(w, "account", read(w, func(ctx context.Context, tx *store.Tx) (store.Account, error) { return tx.Account(ctx, "b") }), a)
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SawAccount(ctx, "b", at(9)) })
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveAccount(ctx, a) })
		a.Seen = at(9)
		same(w, "seen, also after it was changed", read(w, func(ctx context.Context, tx *store.Tx) (store.Account, error) { return tx.Account(ctx, "b") }), a)
		missing(w, "nobody", func(ctx context.Context, tx *store.Tx) (store.Account, error) { return tx.Account(ctx, "x") })
	}},
	{"a session ends at its time, or when it is dropped, and is trimmed once it has ended", func(w world) {
		w.update(func(ctx context.Context, tx *store.Tx) error {
			if err := tx.SaveSession(ctx, "h1", "a", at(10)); err != nil {
				return err
			}
			return errors.Join(tx.SaveSession(ctx, "h2", "b", at(20)), tx.SaveSession(ctx, "h3", "c", at(5)))
		})
		who := func(hash string, second int) func(ctx context.Context, tx *store.Tx) (string, error) {
			return func(ctx context.Context, tx *store.Tx) (string, error) { return tx.Session(ctx, hash, at(second)) }
		}
		same(w, "session", read(w, who("h1", 9)), "a")
		missing(w, "an expired session", who("h1", 10))
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.DropSession(ctx, "h1") })
		missing(w, "a dropped session", who("h1", 1))
		same(w, "one that had ended by then", read(w, who("h3", 1)), "c")
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.TrimSessions(ctx, at(5)) })
		missing(w, "an expired session", who("h3", 1))
		same(w, "another's session", read(w, who("h2", 9)), "b")
	}},
	{"all sessions of an account can be ended, and nobody else's", func(w world) {
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveSession(ctx, "h1", "a", at(10)), tx.SaveSession(ctx, "h2", "a", at(20)), tx.SaveSession(ctx, "h3", "b", at(20)), tx.DropSessions(ctx, "a"))
		})
		same(w, "how many", read(w, func(ctx context.Context, tx *store.Tx) (map[string]int, error) { return tx.Sessions(ctx, at(19)) }), map[string]int{"b": 1})
		same(w, "none that have ended", read(w, func(ctx context.Context, tx *store.Tx) (map[string]int, error) { return tx.Sessions(ctx, at(20)) }), map[string]int{})
		for _, hash := range []string{"h1", "h2"} {
			missing(w, hash, func(ctx context.Context, tx *store.Tx) (string, error) { return tx.Session(ctx, hash, t0) })
		}
		same(w, "another's", read(w, func(ctx context.Context, tx *store.Tx) (string, error) { return tx.Session(ctx, "h3", t0) }), "b")
	}},
	{"the newest link of an account is good until it expires, is dropped or trimmed", func(w world) {
		link := func(hash string, second int) func(ctx context.Context, tx *store.Tx) (string, error) {
			return func(ctx context.Context, tx *store.Tx) (string, error) { return tx.Link(ctx, hash, at(second)) }
		}
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveLink(ctx, "h1", "a", at(10)), tx.SaveLink(ctx, "h2", "a", at(20)), tx.SaveLink(ctx, "h3", "b", at(10)))
		})
		missing(w, "an older one", link("h1", 1))
		same(w, "the newest", read(w, link("h2", 19)), "a")
		missing(w, "an expired one", link("h2", 20))
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.TrimLinks(ctx, at(10)), tx.DropLinks(ctx, "c"))
		})
		missing(w, "a trimmed one", link("h3", 1))
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.DropLinks(ctx, "a") })
		missing(w, "a dropped one", link("h2", 1))
	}},
	{"tokens are found by hash, remember when they were used, and go when dropped", func(w world) {
		k := store.Token{ID: "tok_1", Hash: "h", Name: "ci", Account: "a", Scope: "read gate", Created: t0}
		other := store.Token{ID: "tok_2", Hash: "i", Name: "backup", Account: "a", Scope: "read", Created: t0}
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveToken(ctx, k), tx.SaveToken(ctx, other))
		})
		k.Used = at(5)
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SawToken(ctx, k.ID, k.Used) })
		byHash := func(h string) func(ctx context.Context, tx *store.Tx) (store.Token, error) {
			return func(ctx context.Context, tx *store.Tx) (store.Token, error) { return tx.TokenByHash(ctx, h) }
		}
		same(w, "by hash", read(w, byHash("h")), k)
		same(w, "all, by name", read(w, func(ctx context.Context, tx *store.Tx) ([]store.Token, error) { return tx.Tokens(ctx) }), []store.Token{other, k})
		w.conflict("a hash twice", func(ctx context.Context, tx *store.Tx) error {
			return tx.SaveToken(ctx, store.Token{ID: "tok_3", Hash: "h", Name: "x"})
		})
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.DropToken(ctx, "tok_1") })
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SawToken(ctx, "tok_1", at(6)) })
		missing(w, "a token that was used while it was dropped", byHash("h"))
	}},
}

var observeTests = []exercise{
	{"deploys come back newest first, from a time on, and the same one twice is one", func(w world) {
		d := func(id string, second int) observe.Deploy {
			return observe.Deploy{ID: id, Service: "s", Version: "v2", Commit: "c0ffee", At: at(second)}
		}
		w.update(func(ctx context.Context, tx *store.Tx) error {
			for _, x := range []observe.Deploy{d("d1", 1), d("d2", 2), d("d3", 3), d("d2", 2)} {
				if err := tx.SaveDeploy(ctx, x); err != nil {
					return err
				}
			}
			return nil
		})
		got, err := w.db.Deploys(w.Context(), at(2))
		w.must(err)
		same(w, "deploys", got, []observe.Deploy{d("d3", 3), d("d2", 2)})
	}},
}

func alert(id, objective, group, state string, second int) detect.Alert {
	return detect.Alert{ID: detect.AlertID(id), SLO: objective, Service: "svc", Group: detect.GroupID(group), Severity: detect.SEV2,
		State: detect.State(state), FiredAt: at(second), Reading: slo.Reading{BurnLong: 14.4, Long: slo.Counts{Good: 1, Total: 1 << 53}}}
}

func idsOf(w world, group string, firing bool) []string {
	w.Helper()
	var out []string
	for _, a := range read(w, func(ctx context.Context, tx *store.Tx) ([]detect.Alert, error) {
		return tx.Alerts(ctx, detect.GroupID(group), firing)
	}) {
		out = append(out, string(a.ID))
	}
	return out
}

var detectTests = []exercise{
	{"alerts come back alone, by group, firing or not, and the oldest first", func(w world) {
		d := w.db.Detect()
		all := []detect.Alert{alert("al_3", "s3", "g2", "firing", 3), alert("al_1", "s1", "g1", "resolved", 1), alert("al_2", "s2", "g1", "firing", 2)}
		w.must(d.Update(w.Context(), func(tx detect.Tx) error {
			for _, a := range all {
				if err := tx.SaveAlert(w.Context(), a); err != nil {
					return err
				}
			}
			return nil
		}))
		same(w, "of a group", idsOf(w, "g1", false), []string{"al_1", "al_2"})
		same(w, "firing", idsOf(w, "", true), []string{"al_2", "al_3"})
		same(w, "firing of a group", idsOf(w, "g1", true), []string{"al_2"})
		same(w, "all", idsOf(w, "", false), []string{"al_1", "al_2", "al_3"})
		w.must(d.View(w.Context(), func(tx detect.Tx) error {
			got, err := tx.Alert(w.Context(), "al_3")
			same(w, "one", got, all[0])
			return err
		}))
		missing(w, "no alert", func(ctx context.Context, tx *store.Tx) (detect.Alert, error) { return tx.Alert(ctx, "al_9") })
	}},
	{"the newest alert of every objective", func(w world) {
		w.update(func(ctx context.Context, tx *store.Tx) error {
			for _, a := range []detect.Alert{
				alert("al_1", "s1", "g", "resolved", 1), alert("al_2", "s1", "g", "firing", 2), alert("al_3", "s2", "g", "resolved", 3),
				alert("al_5", "s3", "g", "resolved", 4), alert("al_4", "s3", "g", "resolved", 4),
			} {
				if err := tx.SaveAlert(ctx, a); err != nil {
					return err
				}
			}
			return nil
		})
		got := map[string]string{}
		for _, a := range read(w, func(ctx context.Context, tx *store.Tx) ([]detect.Alert, error) { return tx.LastAlerts(ctx) }) {
			got[a.SLO] = string(a.ID)
		}
		same(w, "newest", got, map[string]string{"s1": "al_2", "s2": "al_3", "s3": "al_5"})
	}},
	{"an objective has at most one firing alert", func(w world) {
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return tx.SaveAlert(ctx, alert("al_1", "s", "g", "firing", 1))
		})
		w.conflict("a second one", func(ctx context.Context, tx *store.Tx) error {
			return tx.SaveAlert(ctx, alert("al_2", "s", "g", "firing", 2))
		})
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveAlert(ctx, alert("al_1", "s", "g", "resolved", 1)), tx.SaveAlert(ctx, alert("al_2", "s", "g", "firing", 2)))
		})
	}},
	{"open groups, the newest first, until they are closed", func(w world) {
		g := func(id string, second int) detect.Group {
			return detect.Group{ID: detect.GroupID(id), OpenedAt: at(second), Services: []string{"a", "b"}, Severity: detect.SEV1}
		}
		open := func(services ...string) []detect.Group {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]detect.Group, error) { return tx.OpenGroupsOf(ctx, services) })
		}
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveGroup(ctx, g("g1", 1), false), tx.SaveGroup(ctx, g("g2", 2), false))
		})
		same(w, "open", open("b", "c", "a"), []detect.Group{g("g2", 2), g("g1", 1)})
		same(w, "of nothing that fails", open("c"), nil)
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveGroup(ctx, g("g2", 2), true) })
		same(w, "open", open("a"), []detect.Group{g("g1", 1)})
		same(w, "by id", read(w, func(ctx context.Context, tx *store.Tx) (detect.Group, error) { return tx.Group(ctx, "g1") }), g("g1", 1))
		missing(w, "a closed one", func(ctx context.Context, tx *store.Tx) (detect.Group, error) { return tx.Group(ctx, "g2") })
	}},
	{"groups that are overdue: quiet for long, or joined by alerts that nobody was told of", func(w world) {
		g := func(id string, quiet, told, untold int) detect.Group {
			out := detect.Group{ID: detect.GroupID(id), OpenedAt: at(0), Untold: untold, ToldAt: at(told)}
			if quiet > 0 {
				out.QuietAt = at(quiet)
			}
			return out
		}
		w.update(func(ctx context.Context, tx *store.Tx) error {
			var err error
			for _, x := range []detect.Group{g("fires", 0, 1, 0), g("quiet", 100, 1, 0), g("untold", 0, 100, 3)} {
				err = errors.Join(err, tx.SaveGroup(ctx, x, false))
			}
			return errors.Join(err, tx.SaveGroup(ctx, g("closed", 100, 100, 3), true))
		})
		overdue := func(quiet, untold int) []detect.Group {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]detect.Group, error) {
				return tx.OverdueGroups(ctx, at(quiet), at(untold))
			})
		}
		same(w, "none yet", overdue(100, 99), nil)
		same(w, "quiet", overdue(101, 99), []detect.Group{g("quiet", 100, 1, 0)})
		same(w, "untold", overdue(100, 100), []detect.Group{g("untold", 0, 100, 3)})
	}},
	{"ledger buckets keep the last counts they were given, come back finest first, and old ones go", func(w world) {
		b := func(res int, n, good, total int64) slo.Bucket {
			return slo.Bucket{Resolution: res, Number: n, Counts: slo.Counts{Good: good, Total: total}}
		}
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveBuckets(ctx, "s", []slo.Bucket{b(1, 7, 1, 2), b(0, 100, 3, 3), b(0, 99, 1<<40, 1<<41)}), tx.SaveBuckets(ctx, "s", []slo.Bucket{b(1, 7, 5, 9)}))
		})
		all := func() (out []slo.Bucket) {
			w.view(func(ctx context.Context, tx *store.Tx) error {
				return tx.Buckets(ctx, func(name string, b slo.Bucket) {
					if name == "s" {
						out = append(out, b)
					}
				})
			})
			return out
		}
		same(w, "buckets", all(), []slo.Bucket{b(0, 99, 1<<40, 1<<41), b(0, 100, 3, 3), b(1, 7, 5, 9)})
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.DropBuckets(ctx, 0, 100) })
		same(w, "after a trim", all(), []slo.Bucket{b(0, 100, 3, 3), b(1, 7, 5, 9)})
	}},
	{"streams of metrics come back as they were kept last, with numbers of 64 bits, until they are dropped", func(w world) {
		st := func(key uint64, count int64) slo.Stream {
			return slo.Stream{Key: key, Seen: []slo.Seen{{Start: 1, At: 1<<62 + 1, Before: 3}}, Gone: 7, Series: map[uint64]*slo.Series{
				1<<64 - 1: {Lives: []slo.Life{{Start: 1, At: 1<<62 + 1, Count: count, UpTo: []slo.Below{{Threshold: 0.1, Count: 1<<53 + 1}}}}},
				5:         {Taken: []slo.Taken{{Start: 4, At: 9}}, Gone: 3, Rest: 0.25},
			}}
		}
		all := func() (out []slo.Stream) {
			w.view(func(ctx context.Context, tx *store.Tx) error {
				return tx.Streams(ctx, func(s slo.Stream) { out = append(out, s) })
			})
			return out
		}
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveStream(ctx, st(1<<64-2, 1)), tx.SaveStream(ctx, st(1<<64-2, 2)), tx.SaveStream(ctx, st(7, 3)))
		})
		same(w, "kept", all(), []slo.Stream{st(7, 3), st(1<<64-2, 2)})
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.DropStream(ctx, 7), tx.DropStream(ctx, 8))
		})
		same(w, "after one is dropped", all(), []slo.Stream{st(1<<64-2, 2)})
	}},
}

var pageTests = []exercise{
	{"pages come back alone, by group, live or all, the newest first", func(w world) {
		ps := w.db.Page()
		p := func(id, group string, state page.State, second int) page.Page {
			return page.Page{ID: page.ID(id), Group: detect.GroupID(group), State: state, OpenedAt: at(second), Told: []string{"mira"}}
		}
		a, b, c := p("pg_1", "g1", page.Resolved, 1), p("pg_2", "g1", page.Held, 2), p("pg_3", "g2", page.Acked, 3)
		w.must(ps.Update(w.Context(), func(tx page.Tx) error {
			for _, x := range []page.Page{a, b, c} {
				if err := tx.SavePage(w.Context(), x); err != nil {
					return err
				}
			}
			return nil
		}))
		w.must(ps.View(w.Context(), func(tx page.Tx) error {
			one, err := tx.Page(w.Context(), "pg_1")
			w.must(err)
			same(w, "one", one, a)
			of, err := tx.PageOf(w.Context(), "g1")
			w.must(err)
			same(w, "of the group", of, b)
			live, err := tx.Pages(w.Context(), true, 9)
			w.must(err)
			same(w, "live", live, []page.Page{c, b})
			all, err := tx.Pages(w.Context(), false, 2)
			same(w, "newest two", all, []page.Page{c, b})
			w.must(err)
			between, err := tx.PagesBetween(w.Context(), at(1), at(3))
			same(w, "between, the end not in it", between, []page.Page{a, b})
			return err
		}))
		missing(w, "no page", func(ctx context.Context, tx *store.Tx) (page.Page, error) { return tx.Page(ctx, "pg_9") })
		phone := page.Device{Person: "mira", Name: "phone", Endpoint: "https://push.example.org/1", Key: "k", Auth: "a", At: at(2)}
		tablet := page.Device{Person: "mira", Name: "tablet", Endpoint: "https://push.example.org/0", At: at(1)}
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveDevice(ctx, phone), tx.SaveDevice(ctx, tablet), tx.SaveDevice(ctx, phone),
				tx.SaveDevice(ctx, page.Device{Person: "ada", Endpoint: "https://push.example.org/2", At: at(1)}))
		})
		devices := func() []page.Device {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]page.Device, error) { return tx.Devices(ctx, "mira") })
		}
		same(w, "devices, the oldest first", devices(), []page.Device{tablet, phone})
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.DropDevice(ctx, tablet.Endpoint), tx.DropDevice(ctx, "unknown"))
		})
		same(w, "devices that are left", devices(), []page.Device{phone})
		b.State = page.Resolved
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SavePage(ctx, b) })
		missing(w, "no live page of the group", func(ctx context.Context, tx *store.Tx) (page.Page, error) { return tx.PageOf(ctx, "g1") })
	}},
	{"a group has at most one live page", func(w world) {
		p := page.Page{ID: "pg_1", Group: "g", State: page.Open, OpenedAt: t0}
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SavePage(ctx, p) })
		p.ID = "pg_2"
		w.conflict("a second one", func(ctx context.Context, tx *store.Tx) error { return tx.SavePage(ctx, p) })
	}},
	{"notifications come back alone, by page and by person, the newest first", func(w world) {
		n := func(id, pg, person string, second int) page.Notification {
			return page.Notification{ID: page.NotificationID(id), Page: page.ID(pg), Person: person, Channel: "email", Delivery: page.Queued, At: at(second)}
		}
		all := []page.Notification{n("n1", "pg_1", "mira", 1), n("n2", "pg_1", "tomas", 2), n("n3", "pg_2", "mira", 3)}
		w.update(func(ctx context.Context, tx *store.Tx) error {
			for _, x := range all {
				if err := tx.SaveNotification(ctx, x); err != nil {
					return err
				}
			}
			return nil
		})
		all[1].Delivery, all[1].Error = page.Failed, "no such mailbox"
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveNotification(ctx, all[1]) })
		list := func(pg page.ID, person string, limit int) []page.Notification {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]page.Notification, error) {
				return tx.Notifications(ctx, pg, person, limit)
			})
		}
		same(w, "of a page", list("pg_1", "", 9), []page.Notification{all[1], all[0]})
		same(w, "of a person", list("", "mira", 9), []page.Notification{all[2], all[0]})
		same(w, "newest of a person", list("", "mira", 1), []page.Notification{all[2]})
		same(w, "one", read(w, func(ctx context.Context, tx *store.Tx) (page.Notification, error) { return tx.Notification(ctx, "n2") }), all[1])
		missing(w, "none", func(ctx context.Context, tx *store.Tx) (page.Notification, error) { return tx.Notification(ctx, "n9") })
	}},
	{"notifications come back by contact since a time, and by the message that they went out in", func(w world) {
		n := func(id, person, channel string, second int, in page.NotificationID) page.Notification {
			return page.Notification{ID: page.NotificationID(id), Page: "pg_1", Person: person, Channel: channel, Delivery: page.Queued, At: at(second), In: in}
		}
		all := []page.Notification{n("n1", "mira", "email", 1, ""), n("n2", "mira", "email", 2, ""), n("n3", "mira", "sms", 3, ""), n("n4", "tomas", "email", 4, ""), n("n5", "mira", "email", 5, "n2")}
		w.update(func(ctx context.Context, tx *store.Tx) error {
			for _, x := range all {
				if err := tx.SaveNotification(ctx, x); err != nil {
					return err
				}
			}
			return nil
		})
		by := func(since time.Time, limit int) []page.Notification {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]page.Notification, error) {
				return tx.Contacted(ctx, "mira", "email", since, limit)
			})
		}
		with := func(lead page.NotificationID) []page.Notification {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]page.Notification, error) { return tx.With(ctx, lead) })
		}
		same(w, "of a contact", by(time.Time{}, 9), []page.Notification{all[4], all[1], all[0]})
		same(w, "since a time", by(at(2), 9), []page.Notification{all[4], all[1]})
		same(w, "the newest", by(at(2), 1), []page.Notification{all[4]})
		same(w, "in one message", with("n2"), []page.Notification{all[4]})
		all[0].In = "n2" // it joins a message after it was written
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveNotification(ctx, all[0]) })
		same(w, "in one message, the oldest first", with("n2"), []page.Notification{all[0], all[4]})
		same(w, "what is in no message is not in one", with(""), nil)
	}},
}

var respondTests = []exercise{
	{"incidents come back alone, by group, open or all, since a time", func(w world) {
		i := func(id, group string, st respond.Status, second int) respond.Incident {
			return respond.Incident{ID: respond.ID(id), Group: detect.GroupID(group), Status: st, OpenedAt: at(second), Burning: []string{"a"},
				Impact: respond.Impact{LostRequests: 12, Revenue: 0.1 + 0.2}}
		}
		a, b, c := i("INC-1", "g1", respond.Resolved, 1), i("INC-2", "g2", respond.Mitigating, 2), i("INC-3", "g3", respond.Investigating, 3)
		w.must(w.db.Respond().Update(w.Context(), func(tx respond.Tx) error {
			for _, x := range []respond.Incident{a, b, c} {
				if err := tx.SaveIncident(w.Context(), x); err != nil {
					return err
				}
			}
			return nil
		}))
		w.must(w.db.Respond().View(w.Context(), func(tx respond.Tx) error {
			one, err := tx.Incident(w.Context(), "INC-1")
			w.must(err)
			same(w, "one", one, a)
			of, err := tx.IncidentOf(w.Context(), "g2")
			w.must(err)
			same(w, "of a group", of, b)
			open, err := tx.Incidents(w.Context(), true, 9)
			w.must(err)
			same(w, "open", open, []respond.Incident{c, b})
			all, err := tx.Incidents(w.Context(), false, 2)
			same(w, "newest two", all, []respond.Incident{c, b})
			return err
		}))
		same(w, "since", read(w, func(ctx context.Context, tx *store.Tx) ([]respond.Incident, error) {
			return tx.IncidentsSince(ctx, at(1), at(3))
		}), []respond.Incident{a, b})
		missing(w, "none", func(ctx context.Context, tx *store.Tx) (respond.Incident, error) { return tx.Incident(ctx, "INC-9") })
		missing(w, "none of a group", func(ctx context.Context, tx *store.Tx) (respond.Incident, error) { return tx.IncidentOf(ctx, "g9") })
		h := func(id, incident string, second int) respond.Handoff {
			return respond.Handoff{ID: respond.HandoffID(id), Incident: respond.ID(incident), State: respond.Due, BegunAt: at(second), DueAt: at(second + 60),
				Document: respond.Document{Tried: []respond.Line{{At: at(second), Text: "restarted"}}}}
		}
		x, y, z := h("HO-1", "INC-1", 1), h("HO-2", "INC-1", 2), h("HO-3", "INC-2", 3)
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveHandoff(ctx, x), tx.SaveHandoff(ctx, y), tx.SaveHandoff(ctx, z))
		})
		x.State, x.Questions = respond.Accepted, []respond.Question{{Text: "why?", By: "kenji", At: at(9)}}
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveHandoff(ctx, x) })
		handoffs := func(incident respond.ID, limit int) []respond.Handoff {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]respond.Handoff, error) {
				return tx.Handoffs(ctx, incident, limit)
			})
		}
		same(w, "handoffs of an incident", handoffs("INC-1", 9), []respond.Handoff{y, x})
		same(w, "newest handoffs", handoffs("", 2), []respond.Handoff{z, y})
		same(w, "a handoff", read(w, func(ctx context.Context, tx *store.Tx) (respond.Handoff, error) { return tx.Handoff(ctx, "HO-1") }), x)
		missing(w, "no handoff", func(ctx context.Context, tx *store.Tx) (respond.Handoff, error) { return tx.Handoff(ctx, "HO-9") })
		w.conflict("a second incident of a group", func(ctx context.Context, tx *store.Tx) error { return tx.SaveIncident(ctx, i("INC-4", "g1", "", 4)) })
	}},
}

var remediateTests = []exercise{
	{"runs come back alone, by incident, the newest first", func(w world) {
		r := func(id, incident string, second int) remediate.Run {
			return remediate.Run{ID: remediate.RunID(id), Incident: respond.ID(incident), State: remediate.Running, StartedAt: at(second),
				Approval: catalog.Duration(5 * time.Minute), Inputs: map[string]any{"incident": map[string]any{"id": incident}}, Since: map[int]time.Time{2: at(9)}}
		}
		a, b, c := r("run_1", "INC-1", 1), r("run_2", "INC-1", 2), r("run_3", "INC-2", 3)
		w.must(w.db.Remediate().Update(w.Context(), func(tx remediate.Tx) error {
			for _, x := range []remediate.Run{a, b, c} {
				if err := tx.SaveRun(w.Context(), x); err != nil {
					return err
				}
			}
			b.State = remediate.Succeeded
			return tx.SaveRun(w.Context(), b)
		}))
		w.must(w.db.Remediate().View(w.Context(), func(tx remediate.Tx) error {
			one, err := tx.Run(w.Context(), "run_2")
			w.must(err)
			same(w, "one", one, b)
			of, err := tx.Runs(w.Context(), "INC-1", 9)
			w.must(err)
			same(w, "of an incident", of, []remediate.Run{b, a})
			all, err := tx.Runs(w.Context(), "", 2)
			same(w, "newest two", all, []remediate.Run{c, b})
			return err
		}))
		missing(w, "none", func(ctx context.Context, tx *store.Tx) (remediate.Run, error) { return tx.Run(ctx, "run_9") })
	}},
	{"a journal comes back in order, to the byte", func(w world) {
		e := func(seq int, st script.State, value any) script.Entry {
			x := script.Entry{Seq: seq, Name: "http.post", Args: []byte(`{"b":1,"a":[1.0,1e+21],"long":"é\u0001"}`), Class: script.Keyed, State: st}
			x.Result = script.EncodeResult(script.Result{OK: true, Value: value})
			return x
		}
		value := map[string]any{"z": 1e21, "a": 3.0, "i": int64(1 << 60), "s": "nul \x00 and \x1b", "tiny": 5e-324}
		want := []script.Entry{e(1, script.Done, value), e(2, script.Waiting, "x"), e(10, script.Intent, nil)}
		w.update(func(ctx context.Context, tx *store.Tx) error {
			for _, x := range []script.Entry{want[2], e(1, script.Intent, nil), want[1], want[0]} {
				if err := tx.SaveEntry(ctx, "run_1", x); err != nil {
					return err
				}
			}
			return tx.SaveEntry(ctx, "run_2", want[0])
		})
		got := read(w, func(ctx context.Context, tx *store.Tx) ([]script.Entry, error) { return tx.Journal(ctx, "run_1") })
		if len(got) != len(want) {
			w.Fatalf("%d entries", len(got))
		}
		for i := range got {
			if string(got[i].Args) != string(want[i].Args) || string(got[i].Result) != string(want[i].Result) || got[i].State != want[i].State || got[i].Seq != want[i].Seq {
				w.Errorf("entry %d:\n got %+v %s\nwant %+v %s", i, got[i], got[i].Result, want[i], want[i].Result)
			}
		}
	}},
	{"approvals come back alone, by run, and all pending ones", func(w world) {
		a := func(run string, seq int, st remediate.Decision, second int) remediate.Approval {
			return remediate.Approval{Run: remediate.RunID(run), Seq: seq, State: st, Text: "?", AskedAt: at(second), Deadline: at(second + 60)}
		}
		x, y, z := a("run_1", 3, remediate.Pending, 3), a("run_1", 1, remediate.Granted, 1), a("run_2", 1, remediate.Pending, 2)
		w.update(func(ctx context.Context, tx *store.Tx) error {
			for _, s := range []remediate.Approval{x, y, z} {
				if err := tx.SaveApproval(ctx, s); err != nil {
					return err
				}
			}
			return nil
		})
		list := func(run remediate.RunID) []remediate.Approval {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]remediate.Approval, error) { return tx.Approvals(ctx, run) })
		}
		same(w, "of a run", list("run_1"), []remediate.Approval{y, x})
		same(w, "pending", list(""), []remediate.Approval{z, x})
		x.State = remediate.Denied
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveApproval(ctx, x) })
		same(w, "pending", list(""), []remediate.Approval{z})
		same(w, "one", read(w, func(ctx context.Context, tx *store.Tx) (remediate.Approval, error) {
			return tx.Approval(ctx, "run_1", 3)
		}), x)
		missing(w, "none", func(ctx context.Context, tx *store.Tx) (remediate.Approval, error) {
			return tx.Approval(ctx, "run_1", 9)
		})
	}},
}

var textTests = []exercise{
	{"text of any kind is kept by both databases, what they cannot hold replaced", func(w world) {
		clean := []string{"nul \uFFFD byte", "not \uFFFD UTF-8", odd[2], odd[3], odd[4], odd[5]}
		for i, s := range odd {
			id := respond.ID(string(rune('a' + i)))
			w.update(func(ctx context.Context, tx *store.Tx) error {
				e := fact("k", i)
				e.Text, e.Actor = s, s
				if err := tx.Append(ctx, e); err != nil {
					return err
				}
				return tx.SaveIncident(ctx, respond.Incident{ID: id, Group: detect.GroupID(id), Title: s, Reason: s, OpenedAt: at(i)})
			})
			got := read(w, func(ctx context.Context, tx *store.Tx) (respond.Incident, error) { return tx.Incident(ctx, id) })
			if got.Title != clean[i] {
				w.Errorf("title %q, want %q", got.Title, clean[i])
			}
		}
		es := read(w, func(ctx context.Context, tx *store.Tx) ([]string, error) {
			es, err := w.db.Events(ctx, event.Query{Kinds: []string{"k"}})
			var out []string
			for _, e := range es {
				out = append(out, e.Text)
			}
			return out, err
		})
		same(w, "texts", es, clean)
	}},
	{"a fact whose data holds odd text is kept", func(w world) {
		for i, s := range odd {
			e := fact("k", i)
			e.Data = []byte(`{"s":"\u0000"}`)
			e.Service = s
			w.append(e)
		}
	}},
	{"a job's reason may be any text", func(w world) {
		w.enqueue(jobDue("a", "k", 0))
		j := w.claim(t0, at(1), 1, "a")[0]
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.Retry(ctx, j.ID, t0, t0, true, odd[0]+odd[1]) })
		if s := w.stuck(); len(s) != 1 {
			w.Errorf("stuck: %+v", s)
		}
	}},
}
