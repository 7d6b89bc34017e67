package store

import (
	"context"
	"time"

	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// Page returns the store as page sees it.
func (db *DB) Page() page.Store { return pageStore{db} }

type pageStore struct{ db *DB }

func (s pageStore) View(ctx context.Context, fn func(page.Tx) error) error {
	return s.db.View(ctx, func(t *Tx) error { return fn(t) })
}

func (s pageStore) Update(ctx context.Context, fn func(page.Tx) error) error {
	return s.db.Update(ctx, func(t *Tx) error { return fn(t) })
}

// Page returns a page.
func (t *Tx) Page(ctx context.Context, id page.ID) (page.Page, error) {
	return one[page.Page](ctx, t, "page", "select doc from pages where id = $1", string(id))
}

// PageOf returns the page of a group that is not resolved.
func (t *Tx) PageOf(ctx context.Context, g detect.GroupID) (page.Page, error) {
	return one[page.Page](ctx, t, "page", "select doc from pages where grp = $1 and state <> 'resolved' order by opened_at desc limit 1", string(g))
}

// Pages returns the newest pages.
func (t *Tx) Pages(ctx context.Context, live bool, limit int) ([]page.Page, error) {
	only := ""
	if live {
		only = string(page.Resolved)
	}
	return many[page.Page](ctx, t, "select doc from pages where ($1 = '' or state <> $1) order by opened_at desc, id desc limit $2", only, limit)
}

// PagesBetween returns the pages that opened between two times, the oldest first.
func (t *Tx) PagesBetween(ctx context.Context, from, to time.Time) ([]page.Page, error) {
	return many[page.Page](ctx, t, "select doc from pages where opened_at >= $1 and opened_at < $2 order by opened_at, id", micros(from), micros(to))
}

// SavePage writes a page.
func (t *Tx) SavePage(ctx context.Context, p page.Page) error {
	d, err := doc(p)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into pages (id, grp, state, opened_at, doc) values ($1,$2,$3,$4,$5)
		on conflict (id) do update set state = excluded.state, doc = excluded.doc`,
		string(p.ID), string(p.Group), string(p.State), micros(p.OpenedAt), d)
}

// Notification returns a notification.
func (t *Tx) Notification(ctx context.Context, id page.NotificationID) (page.Notification, error) {
	return one[page.Notification](ctx, t, "notification", "select doc from notifications where id = $1", string(id))
}

// Notifications returns those of a page, or of a person when page is empty; the newest first.
func (t *Tx) Notifications(ctx context.Context, pageID page.ID, person string, limit int) ([]page.Notification, error) {
	return many[page.Notification](ctx, t, `select doc from notifications where ($1 = '' or page = $1) and ($2 = '' or person = $2)
		order by at desc, id desc limit $3`, string(pageID), person, limit)
}

// SaveNotification writes a notification.
func (t *Tx) SaveNotification(ctx context.Context, n page.Notification) error {
	d, err := doc(n)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into notifications (id, page, person, at, doc) values ($1,$2,$3,$4,$5)
		on conflict (id) do update set doc = excluded.doc`, string(n.ID), string(n.Page), n.Person, micros(n.At), d)
}

// Devices returns the devices of a person, the oldest first.
func (t *Tx) Devices(ctx context.Context, person string) ([]page.Device, error) {
	return many[page.Device](ctx, t, "select doc from devices where person = $1 order by at, endpoint", person)
}

// SaveDevice writes a device.
func (t *Tx) SaveDevice(ctx context.Context, d page.Device) error {
	b, err := doc(d)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into devices (endpoint, person, at, doc) values ($1,$2,$3,$4)
		on conflict (endpoint) do update set person = excluded.person, at = excluded.at, doc = excluded.doc`, d.Endpoint, d.Person, micros(d.At), b)
}

// DropDevice forgets a device.
func (t *Tx) DropDevice(ctx context.Context, endpoint string) error {
	return t.exec(ctx, "delete from devices where endpoint = $1", endpoint)
}
