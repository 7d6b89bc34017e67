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
	where := notSynthetic
	if live { // in the words of the index on live pages
		where += " and state <> 'resolved'"
	}
	return many[page.Page](ctx, t, "select doc from pages where "+where+" order by opened_at desc, id desc limit $1", limit)
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
	// Each question has its own text: with one for both, SQLite reads every notification there is.
	const newest = " order by at desc, id desc limit $2"
	if pageID != "" {
		return many[page.Notification](ctx, t, "select doc from notifications where page = $1"+newest, string(pageID), limit)
	}
	return many[page.Notification](ctx, t, "select doc from notifications where person = $1"+newest, person, limit)
}

// Contacted returns those of a person by one channel since a time, the newest first.
func (t *Tx) Contacted(ctx context.Context, person, channel string, since time.Time, limit int) ([]page.Notification, error) {
	return many[page.Notification](ctx, t, `select doc from notifications where person = $1 and channel = $2 and at >= $3
		order by at desc, id desc limit $4`, person, channel, micros(since), limit)
}

// With returns those that go out in the message of another, the oldest first.
func (t *Tx) With(ctx context.Context, lead page.NotificationID) ([]page.Notification, error) {
	return many[page.Notification](ctx, t, "select doc from notifications where lead = $1 and lead <> '' order by at, id", string(lead))
}

// SaveNotification writes a notification.
func (t *Tx) SaveNotification(ctx context.Context, n page.Notification) error {
	d, err := doc(n)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into notifications (id, page, person, channel, lead, at, doc) values ($1,$2,$3,$4,$5,$6,$7)
		on conflict (id) do update set lead = excluded.lead, doc = excluded.doc`, string(n.ID), string(n.Page), n.Person, n.Channel, string(n.In), micros(n.At), d)
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
