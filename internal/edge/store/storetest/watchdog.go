package storetest

import (
	"context"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

var watchdogTests = []exercise{
	{"rounds of the watchdog are kept", func(w world) {
		get := func(ctx context.Context, tx *store.Tx) (page.Rounds, error) { return tx.Rounds(ctx) }
		same(w, "at first", read(w, get), page.Rounds{})
		for i, r := range []page.Rounds{{Round: "wd_1", BeganAt: t0}, {GoodAt: at(9), Took: time.Second, Old: []detect.GroupID{"wd_1"}}} {
			w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveRounds(ctx, r) })
			same(w, "after "+string(rune('1'+i)), read(w, get), r)
		}
	}},
	{"a round is in no list, and leaves nothing behind", func(w world) {
		for _, g := range []detect.GroupID{"wd_1", "wd_2", "grp_1"} {
			source := detect.Watchdog
			if g == "grp_1" {
				source = "alertmanager"
			}
			w.update(func(ctx context.Context, tx *store.Tx) error {
				id := string(g)
				f := event.New("k", t0, "a", "pg_"+id, "", nil)
				f.Group = id
				for _, err := range []error{
					tx.SaveAlert(ctx, detect.Alert{ID: detect.AlertID("al_" + id), Source: source, Integration: "i", Key: id, Group: g, State: detect.Firing, FiredAt: t0}),
					tx.SaveGroup(ctx, detect.Group{ID: g, OpenedAt: t0, Services: []string{"s"}}, false),
					tx.SavePage(ctx, page.Page{ID: page.ID("pg_" + id), Group: g, State: page.Open, OpenedAt: t0}),
					tx.SaveNotification(ctx, page.Notification{ID: page.NotificationID("ntf_" + id), Page: page.ID("pg_" + id), Person: "p", At: t0}),
					tx.Enqueue(ctx, job.New("send", "ntf_"+id, t0, nil)), tx.Enqueue(ctx, job.New("escalate", "pg_"+id, t0, nil)), tx.Enqueue(ctx, job.New("release", id, t0, nil)),
					tx.Append(ctx, f),
				} {
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		count := func(what string, n, want int) {
			w.Helper()
			if n != want {
				w.Errorf("%s: %d, want %d", what, n, want)
			}
		}
		w.view(func(ctx context.Context, tx *store.Tx) error {
			as, err := tx.Alerts(ctx, "", true)
			w.must(err)
			found, err := tx.FindAlerts(ctx, detect.Filter{})
			w.must(err)
			firing, err := tx.Firing(ctx, "", 9)
			w.must(err)
			live, err := tx.Pages(ctx, true, 9)
			w.must(err)
			all, err := tx.Pages(ctx, false, 9)
			w.must(err)
			facts, err := tx.Events(ctx, event.Query{})
			w.must(err)
			every, err := tx.Events(ctx, event.Query{Synthetic: true})
			w.must(err)
			own, err := tx.Events(ctx, event.Query{Group: "wd_1"})
			w.must(err)
			for _, n := range []int{len(as), len(found), len(firing), len(live), len(all), len(facts), len(own)} {
				count("one of a list", n, 1)
			}
			count("facts when rounds are asked for", len(every), 3)
			return nil
		})
		w.code("a group of people", w.db.Update(w.Context(), func(tx *store.Tx) error { return tx.DropRound(w.Context(), "grp_1") }), errs.Internal)
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.DropRound(ctx, "wd_1") })
		missing(w, "its page", func(ctx context.Context, tx *store.Tx) (page.Page, error) { return tx.Page(ctx, "pg_wd_1") })
		missing(w, "its alert", func(ctx context.Context, tx *store.Tx) (detect.Alert, error) { return tx.Alert(ctx, "al_wd_1") })
		missing(w, "its notification", func(ctx context.Context, tx *store.Tx) (page.Notification, error) {
			return tx.Notification(ctx, "ntf_wd_1")
		})
		w.view(func(ctx context.Context, tx *store.Tx) error {
			every, err := tx.Events(ctx, event.Query{Synthetic: true})
			w.must(err)
			groups, err := tx.OpenGroupsOf(ctx, []string{"s"})
			w.must(err)
			count("facts that are left", len(every), 2)
			count("groups that are left", len(groups), 2)
			return nil
		})
		w.update(func(ctx context.Context, tx *store.Tx) error {
			js, err := tx.Claim(ctx, []string{"send", "escalate", "release"}, at(1), at(2), 99)
			count("jobs that are left", len(js), 6)
			return err
		})
	}},
}
