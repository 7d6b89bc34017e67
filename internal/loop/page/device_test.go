package page_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/page"
)

func phone(person, endpoint string) page.Device {
	key := append([]byte{4}, make([]byte, 64)...)
	return page.Device{Person: person, Name: "phone", Endpoint: endpoint, Key: base64.RawURLEncoding.EncodeToString(key), Auth: base64.RawURLEncoding.EncodeToString(make([]byte, 16))}
}

func TestDevicesOfAPerson(t *testing.T) {
	w := newWorld(t)
	at := func(i int) string { return fmt.Sprint("https://push.example.org/", i) }
	for i := range 12 {
		if err := w.s.AddDevice(t.Context(), phone("mira", at(i)), t0.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	again := phone("mira", at(11))
	again.Name = "tablet"
	if err := w.s.AddDevice(t.Context(), again, t0.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	ds, err := w.s.Devices(t.Context(), "mira")
	if err != nil || len(ds) != 10 || ds[0].Endpoint != at(2) || ds[9].Name != "tablet" {
		t.Errorf("%+v, %v", ds, err)
	}
	for _, person := range []string{"tomas", "mira"} {
		if err := w.s.RemoveDevice(t.Context(), person, at(5), "ines", t0); err != nil {
			t.Fatal(err)
		}
		if ds, err = w.s.Devices(t.Context(), "mira"); err != nil || len(ds) != map[string]int{"tomas": 10, "mira": 9}[person] {
			t.Errorf("%s forgets: %d left, %v", person, len(ds), err)
		}
	}
	w.want("added", len(w.Facts(page.KindDeviceAdded)), 13)
	dropped := w.Facts(page.KindDeviceDropped)
	w.want("dropped", len(dropped), 3)
	w.want("by", []string{dropped[0].Actor, dropped[2].Actor}, []string{event.System, "ines"})
	for _, e := range append(w.Facts(page.KindDeviceAdded), dropped...) {
		if strings.Contains(string(e.Data)+e.Text, "push.example.org") {
			t.Errorf("the address of a device, with which anybody can push to it, is in a fact: %s", e.Data)
		}
	}
}

func TestDevicesThatCannotWork(t *testing.T) {
	w := newWorld(t)
	if err := w.s.AddDevice(t.Context(), phone("nobody", "https://push.example.org/1"), t0); !errs.Is(err, errs.NotFound) {
		t.Errorf("%v", err)
	}
	for at, good := range map[string]bool{"https://fcm.googleapis.com/fcm/send/x": true, "http://127.0.0.1:9/x": true, "http://fcm.googleapis.com/x": false, "file:///etc/passwd": false,
		"": false, "https://": false, "https://a@b/": false, "https://x/" + strings.Repeat("a", 2000): false} {
		if err := w.s.AddDevice(t.Context(), phone("mira", at), t0); (err == nil) != good {
			t.Errorf("%.50q: %v", at, err)
		}
	}
	short := phone("mira", "https://push.example.org/1")
	short.Auth = "AAAA"
	if err := w.s.AddDevice(t.Context(), short, t0); !errs.Is(err, errs.Invalid) {
		t.Errorf("%v", err)
	}
}
