package secret

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestSecretIsNotPrinted(t *testing.T) {
	v := struct{ Token Text }{New("hunter2")}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "a", v, "b", v.Token)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "a", v, "b", v.Token)
	j, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %q", v, v, v, v, v.Token) + log.String() + string(j) + string(y)
	if strings.Contains(all, "hunter2") || !strings.Contains(all, "[secret]") {
		t.Errorf("printed: %s", all)
	}
	if v.Token.Reveal() != "hunter2" || !v.Token.Set() || (Text{}).Set() {
		t.Error("the text is lost")
	}
}

func TestWhereASecretComesFrom(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("NK_TEST_TOKEN", "from env")
	good, open := write("good", "from file\n", 0o600), write("open", "hunter2", 0o644)
	for _, c := range []struct{ in, want, mistake string }{
		{"hunter2", "hunter2", ""},
		{"'123'", "123", ""},
		{"{env: NK_TEST_TOKEN}", "from env", ""},
		{"{file: " + good + "}", "from file", ""},
		{"{env: NK_TEST_MISSING}", "", "NK_TEST_MISSING is not set"},
		{"{file: " + open + "}", "", "chmod 600"},
		{"{file: " + dir + "/none}", "", "cannot be read"},
		{"{file: " + dir + "}", "", "is not a file"},
		{"{file: " + write("empty", "\n", 0o600) + "}", "", "no secret in it"},
		{"{file: " + write("two", "a\nb", 0o600) + "}", "", "more than one line"},
		{"{env: A, file: b}", "", "a secret is a text"},
		{"{vault: x}", "", "a secret is a text"},
		{"[hunter2]", "", "a secret is a text"},
	} {
		var got struct{ Token Text }
		err := yaml.Unmarshal([]byte("token: "+c.in), &got)
		if c.mistake == "" {
			if err != nil || got.Token.Reveal() != c.want {
				t.Errorf("%s: %q, %v", c.in, got.Token.Reveal(), err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.mistake) {
			t.Errorf("%s: %v, want %q", c.in, err, c.mistake)
		}
	}
}
