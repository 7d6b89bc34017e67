package convert

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page/rota"
)

// board is a schedule of a system in which layers of one level are on call side by side: a higher level stands above a
// lower one, and of the highest that has somebody at a time all are on call. Ours stand above each other, so layers that
// meet become schedules of their own that a policy pages together.
type board struct {
	plan      *Plan
	row       *Row
	zone      string
	title, id string
	rungs     []rung
	overrides []overrideSpec
}

type rung struct {
	id    string
	level int
	layer layerSpec
	lane  int
}

func (b *board) add(id string, level int, la layerSpec) {
	for slices.ContainsFunc(b.rungs, func(r rung) bool { return r.layer.Name == la.Name }) {
		la.Name += "'"
	}
	b.rungs = append(b.rungs, rung{id: id, level: level, layer: la})
}

// look is how far layers are looked at for whether they meet.
const look = 400 * 24 * time.Hour

// busy returns when a layer has somebody in the year around now, by its own.
func (b *board) busy(la layerSpec) ([]rota.Shift, error) {
	s := &catalog.Schedule{Meta: catalog.Meta{Name: b.id}, TimeZone: b.zone}
	turn, err := catalog.ParseDuration(la.Turn)
	if err != nil {
		return nil, err
	}
	l := catalog.Layer{Name: la.Name, Start: catalog.Time(la.Start), Turn: catalog.Every(max(turn, 28*24*time.Hour)), Members: catalog.Crews("x"),
		From: catalog.Time(la.From), Until: catalog.Time(la.Until)}
	for _, x := range la.Restrictions {
		r := catalog.Restriction{From: catalog.Clock(x.From), To: catalog.Clock(x.To)}
		for _, d := range x.Days {
			r.Days = append(r.Days, catalog.Weekday(d))
		}
		l.Restrictions = append(l.Restrictions, r)
	}
	s.Layers = []catalog.Layer{l}
	r, err := rota.New(s, nil)
	if err != nil {
		return nil, err
	}
	from := b.plan.now.Add(-40 * 24 * time.Hour)
	return slices.DeleteFunc(r.Between(from, from.Add(look)), func(sh rota.Shift) bool { return len(sh.Duties) == 0 }), nil
}

func meet(a, b []rota.Shift) bool {
	for i, k := 0, 0; i < len(a) && k < len(b); {
		switch {
		case !a[i].To.IsZero() && !a[i].To.After(b[k].From):
			i++
		case !b[k].To.IsZero() && !b[k].To.After(a[i].From):
			k++
		default:
			return true
		}
	}
	return false
}

// lanes gives each layer the first lane of its level in which it meets no other, and returns how many there are.
func (b *board) lanes() (int, error) {
	times := make([][]rota.Shift, len(b.rungs))
	most := 0
	for i := range b.rungs {
		var err error
		if times[i], err = b.busy(b.rungs[i].layer); err != nil {
			return 0, fmt.Errorf("schedule %s: %w", b.title, err)
		}
		taken := map[int]bool{}
		for k := range i {
			if b.rungs[k].level == b.rungs[i].level && meet(times[k], times[i]) {
				taken[b.rungs[k].lane] = true
			}
		}
		for taken[b.rungs[i].lane] {
			b.rungs[i].lane++
		}
		most = max(most, b.rungs[i].lane+1)
	}
	return most, nil
}

// write adds the schedules and returns their names. In schedule n, lane n stands highest in each level: where it has
// nobody, another lane of the level has, so that nobody of a lower level is on call beside them. Where there is one level
// only, a schedule has its own lane and no other.
func (b *board) write() ([]string, error) {
	if len(b.rungs) == 0 {
		b.row.note("it has no rotation with people; a schedule without anybody cannot be written")
		return nil, nil
	}
	n, err := b.lanes()
	if err != nil {
		return nil, err
	}
	if n > 1 {
		b.row.note("people of several rotations are on call at once: it becomes %d schedules, and policies page all of them", n)
	}
	flat := !slices.ContainsFunc(b.rungs, func(r rung) bool { return r.level != b.rungs[0].level })
	var out []string
	for lane := range n {
		rungs := slices.Clone(b.rungs)
		if flat {
			rungs = slices.DeleteFunc(rungs, func(r rung) bool { return r.lane != lane })
		}
		slices.SortStableFunc(rungs, func(x, y rung) int {
			return cmp.Or(cmp.Compare(x.level, y.level), cmp.Compare((x.lane-lane-1+n)%n, (y.lane-lane-1+n)%n))
		})
		spec := scheduleSpec{TimeZone: b.zone, Overrides: b.overrides}
		for _, r := range rungs {
			spec.Layers = append(spec.Layers, r.layer)
		}
		title := b.title
		if n > 1 {
			title = fmt.Sprintf("%s %d", title, lane+1)
			if flat && len(spec.Layers) == 1 {
				title = b.title + " " + spec.Layers[0].Name
			}
		}
		name := b.plan.name("Schedule", title, b.id)
		if err := b.plan.document("Schedule", name, title, b.row, spec); err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return out, nil
}
