package ui

import (
	"context"
	"fmt"
	"net/http"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/prevent"
)

// freeze is a service whose releases stop.
type freeze = prevent.Freeze

// freezes returns what is frozen, and whether there is a gate at all.
func (s *server) freezes(ctx context.Context) ([]freeze, bool, error) {
	if s.Prevent == nil {
		return nil, false, nil
	}
	out, err := s.Prevent.Frozen(ctx)
	return out, true, err
}

func (s *server) experimentsPage(r *http.Request) (view, error) {
	v := view{Title: "Experiments", Live: true}
	if s.Prevent == nil {
		v.Body = notThere("Experiments", "Experimenting")
		return v, nil
	}
	list, err := s.Prevent.Experiments(r.Context())
	if err != nil {
		return view{}, err
	}
	runs, err := s.Prevent.Runs(r.Context(), "", 30)
	if err != nil {
		return view{}, err
	}
	v.Body = experimentsBody(list, runs)
	return v, nil
}

func (s *server) experimentPage(r *http.Request) (view, error) {
	if s.Prevent == nil {
		return view{Title: "Experiment", Body: notThere("Experiment", "Experimenting")}, nil
	}
	e, err := s.Prevent.Experiment(r.Context(), r.PathValue("id"))
	if err != nil {
		return view{}, err
	}
	runs, err := s.Prevent.Runs(r.Context(), e.Name, 30)
	if err != nil {
		return view{}, err
	}
	return view{Title: e.Title, Live: true, Body: experimentBody(e, runs)}, nil
}

func (s *server) doStartExperiment(r *http.Request) (string, error) {
	if s.Prevent == nil {
		return "", errs.New(errs.Unavailable, "experiments are not available on this server")
	}
	name := r.PathValue("id")
	_, err := s.Prevent.Start(r.Context(), name, actorOf(r), s.Now())
	return "/experiments/" + name, err
}

func (s *server) doKill(r *http.Request) (string, error) {
	if s.Prevent == nil {
		return "", errs.New(errs.Unavailable, "experiments are not available on this server")
	}
	run, err := s.Prevent.Kill(r.Context(), prevent.RunID(r.PathValue("run")), actorOf(r), s.Now())
	return "/experiments/" + run.Experiment.Name, err
}

// experimentLook returns tone and sign of an experiment's run.
func experimentLook(s prevent.State) (tone, sign string) {
	switch s {
	case prevent.Passed:
		return "calm", "ok"
	case prevent.Failed:
		return "plain", "fail"
	case prevent.Aborted:
		return "plain", "skip"
	case prevent.Running:
		return "lamp", "run"
	}
	return "lamp", "wait"
}

// faultWords says what an experiment does.
func faultWords(e prevent.Experiment) string {
	f := e.Fault
	out := fmt.Sprintf("%s for %s of the calls to %s", f.Kind, percent(f.Share), e.Target)
	if f.Latency.D() > 0 {
		out = fmt.Sprintf("%s more latency for %s of the calls to %s", period(f.Latency.D()), percent(f.Share), e.Target)
	}
	if f.From != "" {
		out += " from " + f.From
	}
	return out + ", " + period(e.Duration) + " long"
}
