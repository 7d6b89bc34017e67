package page

import (
	"context"

	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/detect"
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
	// Page returns a page or an error with code not_found.
	Page(ctx context.Context, id ID) (Page, error)
	// PageOf returns the newest page of a group that is not resolved, or an error with code not_found.
	PageOf(ctx context.Context, g detect.GroupID) (Page, error)
	// Pages returns the newest pages, only unresolved ones when live is set.
	Pages(ctx context.Context, live bool, limit int) ([]Page, error)
	SavePage(ctx context.Context, p Page) error
	// Notification returns a notification or an error with code not_found.
	Notification(ctx context.Context, id NotificationID) (Notification, error)
	// Notifications returns those of a page, or of a person when page is empty; the newest first.
	Notifications(ctx context.Context, page ID, person string, limit int) ([]Notification, error)
	SaveNotification(ctx context.Context, n Notification) error
}
