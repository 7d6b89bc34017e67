package opsgenie

import (
	"net/http"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
)

// beat is a heartbeat as clients write and read it.
type beat struct {
	Name          string `json:"name"`
	Description   string `json:"description"`
	Interval      int    `json:"interval"`
	IntervalUnit  string `json:"intervalUnit"`
	Enabled       *bool  `json:"enabled"`
	Expired       bool   `json:"expired"`
	AlertPriority string `json:"alertPriority"`
}

// units of intervals.
var units = map[string]time.Duration{"minutes": time.Minute, "hours": time.Hour, "days": 24 * time.Hour}

// severities are what priorities of heartbeats are to us.
var severities = map[string]detect.Severity{"": detect.SEV3, "P1": detect.SEV1, "P2": detect.SEV2, "P3": detect.SEV3, "P4": detect.SEV4, "P5": detect.SEV4}

func beatOf(h detect.Heartbeat) beat {
	b := beat{Name: h.Name, Description: h.Text, Enabled: &h.Enabled, Expired: h.Late, AlertPriority: priorities[detect.Severity(h.Severity)], IntervalUnit: "minutes"}
	for _, unit := range []string{"hours", "days"} {
		if h.Interval%units[unit] == 0 {
			b.IntervalUnit = unit
		}
	}
	b.Interval = int(h.Interval / units[b.IntervalUnit])
	return b
}

// info is what is said of a heartbeat that was changed.
func info(h detect.Heartbeat) map[string]any {
	return map[string]any{"name": h.Name, "enabled": h.Enabled, "expired": h.Late}
}

// onto writes what a client says over a heartbeat.
func (b beat) onto(h *detect.Heartbeat) error {
	wrong := unprocessable{}
	unit, ok := units[b.IntervalUnit]
	if !ok {
		wrong["intervalUnit"] = "intervalUnit should be one of [ minutes, hours, days ]"
	}
	if b.Interval < 1 || b.Interval > 1_000_000 {
		wrong["interval"] = "interval should be at least 1"
	}
	sev, ok := severities[b.AlertPriority]
	if !ok {
		wrong["alertPriority"] = "alertPriority should be one of [ P1, P2, P3, P4, P5 ]"
	}
	if len(wrong) > 0 {
		return wrong
	}
	h.Interval, h.Severity = time.Duration(b.Interval)*unit, string(sev)
	if b.Description != "" {
		h.Text = b.Description
	}
	if b.Enabled != nil {
		h.Enabled = *b.Enabled
	}
	return nil
}

func (s *server) save(c call, h detect.Heartbeat, status int) (reply, error) {
	h, err := s.Detect.MakeHeartbeat(c.Context(), h, detect.ActorOf(c.Integration), c.now)
	return reply{status: status, data: info(h)}, err
}

func (s *server) addHeartbeat(c call) (reply, error) {
	var b beat
	if err := c.read(&b); err != nil {
		return reply{}, err
	}
	if b.Name == "" {
		return reply{}, unprocessable{"name": "name can not be empty."}
	}
	if _, err := s.Detect.HeartbeatOf(c.Context(), b.Name); err == nil {
		return reply{}, errs.New(errs.Conflict, "Heartbeat with name [%.200s] already exists.", b.Name)
	} else if !errs.Is(err, errs.NotFound) {
		return reply{}, err
	}
	h := detect.Heartbeat{Name: b.Name, Enabled: true}
	if err := b.onto(&h); err != nil {
		return reply{}, err
	}
	return s.save(c, h, http.StatusCreated)
}

// named returns the heartbeat of an address.
func (s *server) named(c call) (detect.Heartbeat, error) {
	h, err := s.Detect.HeartbeatOf(c.Context(), c.r.PathValue("name"))
	if errs.Is(err, errs.NotFound) {
		err = errs.New(errs.NotFound, "Heartbeat with name [%.200s] does not exist.", c.r.PathValue("name"))
	}
	return h, err
}

func (s *server) changeHeartbeat(c call) (reply, error) {
	h, err := s.named(c)
	if err != nil {
		return reply{}, err
	}
	b := beatOf(h)
	if err := c.read(&b); err != nil {
		return reply{}, err
	}
	if err := b.onto(&h); err != nil {
		return reply{}, err
	}
	return s.save(c, h, http.StatusOK)
}

func (s *server) switchHeartbeat(c call, on bool) (reply, error) {
	h, err := s.named(c)
	if err != nil {
		return reply{}, err
	}
	h.Enabled = on
	return s.save(c, h, http.StatusOK)
}

func (s *server) heartbeat(c call) (reply, error) {
	h, err := s.named(c)
	return reply{status: http.StatusOK, data: beatOf(h)}, err
}

func (s *server) heartbeats(c call) (reply, error) {
	all, err := s.Detect.Heartbeats(c.Context())
	out := []beat{}
	for _, h := range all {
		out = append(out, beatOf(h))
	}
	return reply{status: http.StatusOK, data: map[string]any{"heartbeats": out}}, err
}

func (s *server) dropHeartbeat(c call) (reply, error) {
	if _, err := s.named(c); err != nil {
		return reply{}, err
	}
	err := s.Detect.DropHeartbeat(c.Context(), c.r.PathValue("name"), detect.ActorOf(c.Integration), c.now)
	return reply{status: http.StatusOK, result: "Deleted"}, err
}

func (s *server) ping(c call) (reply, error) {
	if _, err := s.named(c); err != nil {
		return reply{}, err
	}
	_, err := s.Detect.Ping(c.Context(), c.r.PathValue("name"), c.now)
	return reply{status: http.StatusAccepted, result: "PONG - Heartbeat received"}, err
}
