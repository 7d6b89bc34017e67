package store_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/edge/store/storetest"
)

func TestStore(t *testing.T) {
	for _, d := range storetest.Databases() {
		t.Run(d.Name, func(t *testing.T) {
			storetest.Exercise(t, func(t testing.TB) *store.DB { return storetest.Open(t, d.DSN(t)) })
		})
	}
}

func TestEveryMethodIsExercised(t *testing.T) {
	files, err := filepath.Glob("storetest/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no suite", err)
	}
	var text strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(b)
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[*store.Tx](), reflect.TypeFor[*store.DB]()} {
		for i := range typ.NumMethod() {
			if name := typ.Method(i).Name; name != "Queued" && !strings.Contains(text.String(), "."+name+"(") {
				t.Errorf("storetest does not call %s.%s", typ.Elem().Name(), name)
			}
		}
	}
}
