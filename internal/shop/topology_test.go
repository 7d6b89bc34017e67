package shop

import (
	"regexp"
	"slices"
	"testing"
)

func TestTopologyIsAWholeShop(t *testing.T) {
	specs := Topology()
	if len(specs) != 47 {
		t.Errorf("got %d services, want 47", len(specs))
	}
	if err := checkTopology(specs); err != nil {
		t.Error(err)
	}
	name := regexp.MustCompile(`^[a-z-]+-(api|web|db|worker)$`)
	var preferences, database, transactions int
	for _, s := range specs {
		if !name.MatchString(s.Name) || s.Team == "" || s.Tier == "" || s.Workers == 0 || s.Latency == 0 {
			t.Errorf("service %+v is not complete", s)
		}
		for _, d := range s.Deps {
			switch d.Name {
			case preferencesName:
				preferences++
			case databaseName:
				database++
			}
			if d.Timeout < 1000*ms {
				t.Errorf("%s gives %s only %s: too little on a busy machine", s.Name, d.Name, d.Timeout)
			}
		}
		if slices.ContainsFunc(s.Routes, func(r RouteSpec) bool { return regexp.MustCompile(`:tx.*\|`).MatchString(r.Plan) }) {
			transactions++
		}
	}
	if preferences < 12 {
		t.Errorf("got %d callers of %s, want at least 12", preferences, preferencesName)
	}
	if database < 14 || database > 20 {
		t.Errorf("got %d users of %s, want 14 to 20", database, databaseName)
	}
	if transactions < 8 {
		t.Errorf("got %d services that call others within a transaction, want at least 8", transactions)
	}
}

func TestEveryServiceIsReachedByAJourney(t *testing.T) {
	specs := map[string]ServiceSpec{}
	for _, s := range Topology() {
		specs[s.Name] = s
	}
	reached := map[string]bool{}
	var visit func(name, path string)
	visit = func(name, path string) {
		reached[name] = true
		s := specs[name]
		for i, r := range s.Routes {
			if r.Path != path && (path != "" || i > 0) {
				continue
			}
			steps, _ := parsePlan(r.Plan)
			for _, c := range slices.Concat(steps...) {
				visit(c.dep, c.path)
			}
		}
	}
	for _, j := range journeys() {
		visit(j.service, j.path)
	}
	for name := range specs {
		if !reached[name] {
			t.Errorf("no journey reaches %s", name)
		}
	}
}

func TestTopologyIsACopy(t *testing.T) {
	Topology()[0].Deps[0].Pool = 0
	if Topology()[0].Deps[0].Pool == 0 {
		t.Error("a caller changed the configuration of the shop")
	}
}

func TestTopologyMistakesAreFound(t *testing.T) {
	ok := func() []ServiceSpec {
		return []ServiceSpec{
			{Name: "a", Routes: []RouteSpec{{"GET", "/", "b"}}, Deps: []DepSpec{{Name: "b"}}},
			{Name: "b", Routes: []RouteSpec{{"GET", "/x", ""}}},
		}
	}
	if err := checkTopology(ok()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func([]ServiceSpec){
		"unknown call":   func(s []ServiceSpec) { s[0].Routes[0].Plan = "b | c" },
		"unknown route":  func(s []ServiceSpec) { s[0].Routes[0].Plan = "b/y" },
		"unused":         func(s []ServiceSpec) { s[0].Routes[0].Plan = "" },
		"twice":          func(s []ServiceSpec) { s[1].Name = "a" },
		"no route":       func(s []ServiceSpec) { s[1].Routes = nil },
		"transaction":    func(s []ServiceSpec) { s[0].Routes[0].Plan = "b:tx" },
		"late":           func(s []ServiceSpec) { s[0].Routes[0].Plan = "b | shop-db:tx" },
		"not alone":      func(s []ServiceSpec) { s[0].Routes[0].Plan = "shop-db:tx + b" },
		"empty call":     func(s []ServiceSpec) { s[0].Routes[0].Plan = "b + " },
		"missing target": func(s []ServiceSpec) { s[1].Name = "c" },
	} {
		specs := ok()
		spoil(specs)
		if checkTopology(specs) == nil {
			t.Errorf("%s: not found", name)
		}
	}
}
