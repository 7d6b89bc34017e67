package page

import (
	"context"
	"time"

	"nightkeeper/internal/loop/detect"
)

// Message is what a person gets to read. Links and AckURL are complete addresses.
type Message struct {
	Notification NotificationID  `json:"notification"` // the same for each retry: a receiver can drop repeats
	Page         ID              `json:"page"`
	Person       string          `json:"person"`
	Address      string          `json:"-"`
	Severity     detect.Severity `json:"severity"`
	Service      string          `json:"service"`
	Title        string          `json:"title"`
	Text         string          `json:"text"`
	Links        detect.Links    `json:"links"`
	PageURL      string          `json:"page_url"`
	AckURL       string          `json:"ack_url"`
	At           time.Time       `json:"at"`
}

// Channel delivers messages by one medium. Name is the word that contacts use.
//
// Send returns a receipt only when the provider accepted the message. An error with code invalid will never succeed
// (a wrong address) and is not retried; any other error is. Send may be called again with the same message.
type Channel interface {
	Name() string
	Send(ctx context.Context, m Message) (receipt string, err error)
}
