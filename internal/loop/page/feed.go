package page

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/loop/page/rota"
	"nightkeeper/internal/loop/page/rota/ical"
)

// Feed names a calendar: that of a person or that of a schedule.
type Feed struct {
	Kind string `json:"kind"` // person or schedule
	Name string `json:"name"`
}

func (f Feed) key() string { return f.Kind + "/" + f.Name }

// How much a calendar shows.
const (
	feedBefore = 31 * 24 * time.Hour
	feedAfter  = 180 * 24 * time.Hour
)

// exists returns an error with code not_found for what the catalog does not have.
func (s *Service) exists(f Feed) error {
	c := s.Catalog()
	if f.Kind == "person" && c.People[f.Name] != nil || f.Kind == "schedule" && c.Schedules[f.Name] != nil {
		return nil
	}
	return errs.New(errs.NotFound, "there is no %s %q in the catalog", f.Kind, f.Name)
}

// FeedURL returns the address of a calendar. Whoever knows it may read it without signing in, so it cannot be guessed, and
// NewFeedURL makes another.
func (s *Service) FeedURL(ctx context.Context, f Feed) (string, error) {
	if err := s.exists(f); err != nil {
		return "", err
	}
	var salt string
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		salt, err = tx.Salt(ctx, f.key())
		return err
	})
	return s.feedURL(f, salt), err
}

// NewFeedURL gives a calendar another address; the one before does not work any more.
func (s *Service) NewFeedURL(ctx context.Context, f Feed, by string, now time.Time) (string, error) {
	if err := s.exists(f); err != nil {
		return "", err
	}
	salt := id.Secret()
	err := s.Store.Update(ctx, func(tx Tx) error {
		if err := tx.SaveSalt(ctx, f.key(), salt); err != nil {
			return err
		}
		return tx.Append(ctx, event.New(KindCalendarMoved, now, by, f.key(), fmt.Sprintf("%s gave the calendar of %s %s another address", by, f.Kind, f.Name), f))
	})
	return s.feedURL(f, salt), err
}

func (s *Service) feedURL(f Feed, salt string) string {
	return strings.TrimSuffix(s.BaseURL(), "/") + "/calendar/" + s.feedToken(f, salt) + ".ics"
}

func (s *Service) feedToken(f Feed, salt string) string {
	m := hmac.New(sha256.New, s.Key)
	m.Write([]byte("feed:" + f.key() + "\x00" + salt))
	return f.Kind + "." + hex.EncodeToString([]byte(f.Name)) + "." + hex.EncodeToString(m.Sum(nil))
}

// Calendar returns the calendar that an address is for, or an error with code not_found: also when the address was right
// once.
func (s *Service) Calendar(ctx context.Context, token string, now time.Time) ([]byte, error) {
	unknown := errs.New(errs.NotFound, "there is no such calendar; its address may have been changed")
	parts := strings.Split(strings.TrimSuffix(token, ".ics"), ".")
	if len(parts) != 3 {
		return nil, unknown
	}
	name, err := hex.DecodeString(parts[1])
	if err != nil {
		return nil, unknown
	}
	f := Feed{parts[0], string(name)}
	var salt string
	err = s.Store.View(ctx, func(tx Tx) (err error) {
		salt, err = tx.Salt(ctx, f.key())
		return err
	})
	if err != nil {
		return nil, err
	}
	if !hmac.Equal([]byte(strings.Join(parts, ".")), []byte(s.feedToken(f, salt))) || s.exists(f) != nil {
		return nil, unknown
	}
	return s.calendar(ctx, f, now)
}

func (s *Service) calendar(ctx context.Context, f Feed, now time.Time) ([]byte, error) {
	from, to := now.Add(-feedBefore), now.Add(feedAfter)
	ps, err := s.Plans(ctx, from, to)
	if err != nil {
		return nil, err
	}
	c := ical.Calendar{Name: "On call: " + f.Name, Text: "Shifts by Nightkeeper", Now: now, Reread: time.Hour}
	person := f.Name
	if f.Kind == "schedule" {
		person, c.Name = "", "On call: "+s.Catalog().Schedules[f.Name].Title()
	}
	title := func(schedule string) string { return s.Catalog().Schedules[schedule].Title() }
	for _, p := range ps {
		if p.Rota == nil || f.Kind == "schedule" && p.Schedule.Name != f.Name || person != "" && !p.Rota.Has(person) {
			continue
		}
		c.Events = append(c.Events, rota.Events(p.Rota.Stints(person, from, to), title, strings.TrimSuffix(s.BaseURL(), "/")+"/oncall", to)...)
	}
	return ical.Write(c), nil
}
