package page

import (
	"context"
	"time"

	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page/rota"
)

// Store keeps pages and notifications.
type Store interface {
	// View runs fn on a consistent snapshot; it changes nothing.
	View(ctx context.Context, fn func(Tx) error) error
	// Update runs fn in one transaction: all of it is durable when Update returns nil, none of it otherwise. fn may be run
	// again and must have no effect outside.
	Update(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction of a Store.
type Tx interface {
	event.Appender
	job.Enqueuer
	detect.Settler
	// Page returns a page or an error with code not_found.
	Page(ctx context.Context, id ID) (Page, error)
	// PageOf returns the newest page of a group that is not resolved, or an error with code not_found.
	PageOf(ctx context.Context, g detect.GroupID) (Page, error)
	// Pages returns the newest pages, only unresolved ones when live is set.
	Pages(ctx context.Context, live bool, limit int) ([]Page, error)
	// PagesBetween returns the pages that opened at from or later and before to, the oldest first.
	PagesBetween(ctx context.Context, from, to time.Time) ([]Page, error)
	SavePage(ctx context.Context, p Page) error
	// Notification returns a notification or an error with code not_found.
	Notification(ctx context.Context, id NotificationID) (Notification, error)
	// Notifications returns those of a page, or of a person when page is empty; the newest first.
	Notifications(ctx context.Context, page ID, person string, limit int) ([]Notification, error)
	// Contacted returns those of a person by one channel since a time; the newest first.
	Contacted(ctx context.Context, person, channel string, since time.Time, limit int) ([]Notification, error)
	// With returns those that go out in the message of another; the oldest first.
	With(ctx context.Context, lead NotificationID) ([]Notification, error)
	SaveNotification(ctx context.Context, n Notification) error
	// Rounds returns what is known of the watchdog's rounds; nothing when there was none.
	Rounds(ctx context.Context) (Rounds, error)
	SaveRounds(ctx context.Context, r Rounds) error
	// DropRound removes everything that a round left behind.
	DropRound(ctx context.Context, round detect.GroupID) error
	Tickets
	Rotas
}

// Tickets keeps work for business days, and what is known of contacts.
type Tickets interface {
	// Ticket returns a ticket or an error with code not_found.
	Ticket(ctx context.Context, id TicketID) (Ticket, error)
	// TicketOf returns the newest ticket of a group that is not done, or an error with code not_found.
	TicketOf(ctx context.Context, g detect.GroupID) (Ticket, error)
	// Tickets returns those that are not done, the oldest first, or those that are, the newest first.
	Tickets(ctx context.Context, open bool, limit int) ([]Ticket, error)
	SaveTicket(ctx context.Context, t Ticket) error
	// Readiness returns what is known of all contacts that were ever tried, by person.
	Readiness(ctx context.Context) ([]Readiness, error)
	// SaveReadiness writes it; person, channel and key name it.
	SaveReadiness(ctx context.Context, r Readiness) error
}

// Rotas keeps what people changed about schedules, and what they were told about them.
type Rotas interface {
	// Override returns an override or an error with code not_found.
	Override(ctx context.Context, id string) (rota.Override, error)
	// Overrides returns those of a schedule, or of all when it is empty, that end after from and begin before to, marked
	// ones too; by when they begin.
	Overrides(ctx context.Context, schedule string, from, to time.Time) ([]rota.Override, error)
	// SwapOf returns both halves of a swap.
	SwapOf(ctx context.Context, swap string) ([]rota.Override, error)
	// Swap returns a swap or an error with code not_found.
	Swap(ctx context.Context, id string) (rota.Swap, error)
	// Swaps returns those of which a shift ends after since, by when they were asked for.
	Swaps(ctx context.Context, since time.Time) ([]rota.Swap, error)
	SaveSwap(ctx context.Context, s rota.Swap) error
	SaveOverride(ctx context.Context, o rota.Override) error
	// Cover returns a cover request or an error with code not_found.
	Cover(ctx context.Context, id string) (rota.Cover, error)
	// Covers returns the requests of a schedule, or of all when it is empty, that end after since; by when they begin.
	Covers(ctx context.Context, schedule string, since time.Time) ([]rota.Cover, error)
	SaveCover(ctx context.Context, c rota.Cover) error
	// Watch returns what the people of a schedule were told, or an error with code not_found.
	Watch(ctx context.Context, schedule string) (rota.Watch, error)
	SaveWatch(ctx context.Context, w rota.Watch) error
	// Notice returns a notice or an error with code not_found.
	Notice(ctx context.Context, id string) (Notice, error)
	// Notices returns those of a person, the newest first.
	Notices(ctx context.Context, person string, limit int) ([]Notice, error)
	SaveNotice(ctx context.Context, n Notice) error
	// Devices returns those of a person, the oldest first.
	Devices(ctx context.Context, person string) ([]Device, error)
	// SaveDevice writes a device; its endpoint names it.
	SaveDevice(ctx context.Context, d Device) error
	// DropDevice forgets a device; one that is not known is no error.
	DropDevice(ctx context.Context, endpoint string) error
	// Salt returns what makes the address of a calendar its own; empty until it was changed.
	Salt(ctx context.Context, calendar string) (string, error)
	SaveSalt(ctx context.Context, calendar, salt string) error
}
