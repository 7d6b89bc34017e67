package page

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
)

// Device is a browser of a person to which messages may be pushed. Key and Auth are the device's, for encryption.
type Device struct {
	Person   string    `json:"person"`
	Name     string    `json:"name"` // what the person calls it
	Endpoint string    `json:"endpoint"`
	Key      string    `json:"key"`
	Auth     string    `json:"auth"`
	At       time.Time `json:"at"`
}

// maxDevices is how many devices of a person are kept; the oldest makes room.
const maxDevices = 10

// Check returns an error with code invalid when nothing can be pushed to the device.
func (d Device) Check() error {
	bad := errs.New(errs.Invalid, "the device did not give an address and keys of a push service")
	u, err := url.Parse(d.Endpoint)
	if err != nil || u.Host == "" || u.User != nil || len(d.Endpoint) > 2000 || len(d.Name) > 200 {
		return bad
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || err != nil || !ip.IsLoopback()) {
		return bad
	}
	key, err := base64.RawURLEncoding.DecodeString(d.Key)
	auth, err2 := base64.RawURLEncoding.DecodeString(d.Auth)
	if err != nil || err2 != nil || len(key) != 65 || key[0] != 4 || len(auth) != 16 {
		return bad
	}
	return nil
}

// AddDevice keeps a device of a person of the catalog; the same device again replaces what was kept of it.
func (s *Service) AddDevice(ctx context.Context, d Device, now time.Time) error {
	if s.Catalog().People[d.Person] == nil {
		return errs.New(errs.NotFound, "%s is no person of the catalog, so nobody can page them", d.Person)
	}
	if err := d.Check(); err != nil {
		return err
	}
	d.At = now
	return s.Store.Update(ctx, func(tx Tx) error {
		if err := tx.SaveDevice(ctx, d); err != nil {
			return err
		}
		if err := tx.Append(ctx, d.fact(KindDeviceAdded, now, d.Person, "messages to %s are pushed to the device %q")); err != nil {
			return err
		}
		all, err := tx.Devices(ctx, d.Person)
		for err == nil && len(all) > maxDevices {
			err = errors.Join(tx.DropDevice(ctx, all[0].Endpoint),
				tx.Append(ctx, all[0].fact(KindDeviceDropped, now, event.System, "messages to %s are pushed no more to the device %q: it made room for another")))
			all = all[1:]
		}
		return err
	})
}

// Devices returns the devices of a person, the oldest first.
func (s *Service) Devices(ctx context.Context, person string) (out []Device, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Devices(ctx, person)
		return err
	})
	return out, err
}

// fact says what became of a device. Its address is a secret: who has it can push to it.
func (d Device) fact(kind string, now time.Time, by, format string) event.Event {
	return event.New(kind, now, by, d.Person, fmt.Sprintf(format, d.Person, d.Name), map[string]string{"person": d.Person, "device": d.Name})
}

// RemoveDevice forgets a device of a person, as by says. One that is another's, or not known, stays as it is.
func (s *Service) RemoveDevice(ctx context.Context, person, endpoint, by string, now time.Time) error {
	return s.Store.Update(ctx, func(tx Tx) error {
		all, err := tx.Devices(ctx, person)
		if err != nil {
			return err
		}
		for _, d := range all {
			if d.Endpoint == endpoint {
				if err := tx.DropDevice(ctx, endpoint); err != nil {
					return err
				}
				return tx.Append(ctx, d.fact(KindDeviceDropped, now, by, "messages to %s are pushed no more to the device %q"))
			}
		}
		return nil
	})
}
