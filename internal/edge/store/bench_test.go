package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/edge/store/storetest"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// accepts is a channel that takes everything at once.
type accepts struct{}

func (accepts) Name() string { return "webhook" }

func (accepts) Send(context.Context, page.Message) (string, error) { return "", nil }

// What it costs to send one notification when 100,000 were sent before: to 20 people, by two channels each, ten minutes
// apart for each contact.
func BenchmarkSendAfter100000(b *testing.B) {
	for _, d := range storetest.Databases() {
		b.Run(d.Name, func(b *testing.B) {
			db := storetest.Open(b, d.DSN(b))
			const people, each = 20, 2500
			now := t0
			update := func(fn func(ctx context.Context, tx *store.Tx) error) {
				b.Helper()
				if err := db.Update(b.Context(), func(tx *store.Tx) error { return fn(b.Context(), tx) }); err != nil {
					b.Fatal(err)
				}
			}
			note := func(person, i int, channel string, at time.Time) page.Notification {
				return page.Notification{ID: page.NotificationID(fmt.Sprintf("ntf_%s_%02d_%06d", channel, person, i)), Page: page.ID(fmt.Sprint("pg_", i)),
					Person: fmt.Sprint("p", person), Channel: channel, Address: "there", Delivery: page.Sent, At: at, OutAt: at, SentAt: at, DueAt: at}
			}
			for i := range each {
				at := now.Add(-time.Duration(each-i) * 10 * time.Minute)
				update(func(ctx context.Context, tx *store.Tx) error {
					p := page.Page{ID: page.ID(fmt.Sprint("pg_", i)), Group: detect.GroupID(fmt.Sprint("grp_", i)), State: page.Resolved, OpenedAt: at}
					if err := tx.SavePage(ctx, p); err != nil {
						return err
					}
					for person := range people {
						for _, ch := range []string{"webhook", "email"} {
							if err := tx.SaveNotification(ctx, note(person, i, ch, at)); err != nil {
								return err
							}
						}
					}
					return nil
				})
			}
			s := page.New(page.Config{Store: db.Page(), Catalog: func() *catalog.Catalog { return &catalog.Catalog{} }, Channels: []page.Channel{accepts{}},
				BaseURL: func() string { return "http://here" }, Now: func() time.Time { return now },
				Events: func(context.Context, event.Query) ([]event.Event, error) { return nil, nil }})
			send := s.Tasks()["page.send.webhook"]
			i := each
			for b.Loop() {
				b.StopTimer()
				now = now.Add(time.Minute)
				n := note(i%people, i, "webhook", now)
				n.Delivery, n.OutAt, n.SentAt = page.Queued, time.Time{}, time.Time{}
				update(func(ctx context.Context, tx *store.Tx) error {
					if err := tx.SavePage(ctx, page.Page{ID: n.Page, Group: detect.GroupID(fmt.Sprint("grp_", i)), State: page.Resolved, OpenedAt: now}); err != nil {
						return err
					}
					return tx.SaveNotification(ctx, n)
				})
				i++
				b.StartTimer()
				if err := send(b.Context(), job.New("page.send.webhook", string(n.ID), now, nil)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
