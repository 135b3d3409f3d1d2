package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/joho/godotenv"
)

// setting is a field of Settings as people see it.
type setting struct {
	Variable, Flag, Default, Help, Group string
	Secret                               bool // a URL whose password nobody is shown
	Whole                                bool // a secret of which nothing is shown
	Renewed                              bool // at SIGHUP
	index                                int
}

// settings lists every field of Settings in its order.
func settings() []setting {
	t := reflect.TypeFor[Settings]()
	list := make([]setting, t.NumField())
	for i := range list {
		tag := t.Field(i).Tag
		kind, secret := tag.Lookup("secret")
		_, renewed := tag.Lookup("renewed")
		list[i] = setting{
			Variable: tag.Get("env"), Flag: "--" + tag.Get("name"), Default: tag.Get("default"),
			Help:  strings.ReplaceAll(tag.Get("help"), "${enum}", strings.ReplaceAll(tag.Get("enum"), ",", ", ")),
			Group: tag.Get("group"), Secret: secret, Whole: kind == "whole", Renewed: renewed, index: i,
		}
	}
	return list
}

// trial tries each variable of the environment by itself, so that all mistakes
// can be told together and each by its name.
func trial(environ []string) (mistakes []error) {
	for _, s := range settings() {
		i := slices.IndexFunc(environ, func(e string) bool { return strings.HasPrefix(e, s.Variable+"=") })
		if i < 0 {
			continue
		}
		value := strings.TrimPrefix(environ[i], s.Variable+"=")
		if err := parses(s, value); err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", s.Variable, err))
		}
	}
	return mistakes
}

// parses reports whether one setting takes a value.
func parses(s setting, value string) error {
	var only struct{ Settings }
	parser, err := kong.New(&only, kong.Exit(func(int) {}))
	if err != nil {
		return err
	}
	for _, f := range parser.Model.Flags {
		f.Envs = nil // this trial is about the one value
		if f.Tag != nil {
			f.Tag.Envs = nil
		}
	}
	_, err = parser.Parse([]string{s.Flag + "=" + value})
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimLeft(strings.TrimPrefix(err.Error(), s.Flag), ": "))
}

// dotenv is the file .env: variables for those that the environment does not set.
type dotenv struct{ ours map[string]bool }

// load puts the file's variables into the environment, and takes out those it had at
// the last time and has no more. A file that is not there has none.
func (d *dotenv) load(name string) error {
	values, err := godotenv.Read(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s cannot be read: %w", name, err)
	}
	for variable := range d.ours {
		if _, ok := values[variable]; !ok {
			delete(d.ours, variable)
			if err := os.Unsetenv(variable); err != nil {
				return err
			}
		}
	}
	for variable, value := range values {
		if _, set := os.LookupEnv(variable); set && !d.ours[variable] {
			continue
		}
		if d.ours == nil {
			d.ours = map[string]bool{}
		}
		d.ours[variable] = true
		if err := os.Setenv(variable, value); err != nil {
			return err
		}
	}
	return nil
}

// again is how a process that was started with args reads its settings once more.
func (d *dotenv) again(args []string) again {
	return func() (*Settings, error) {
		if err := d.load(".env"); err != nil {
			return nil, err
		}
		if err := mistaken(trial(os.Environ())); err != nil {
			return nil, err
		}
		var c commands
		_, err := newParser(&c).Parse(args)
		return &c.Settings, err
	}
}

// secretFiles reads a secret from the file that its variable with _FILE behind
// it names.
var secretFiles kong.ResolverFunc = func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if !flag.Tag.Has("secret") || len(flag.Envs) == 0 {
		return nil, nil
	}
	name := os.Getenv(flag.Envs[0] + "_FILE")
	if name == "" {
		return nil, nil
	}
	if os.Getenv(flag.Envs[0]) != "" {
		return nil, fmt.Errorf("%s and %s_FILE are both set; keep one", flag.Envs[0], flag.Envs[0])
	}
	text, err := os.ReadFile(name) // #nosec G304 G703 -- the operator names it
	if err != nil {
		return nil, fmt.Errorf("%s_FILE: %w", flag.Envs[0], err)
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" { // a mount that failed must not turn authentication off
		return nil, fmt.Errorf("%s_FILE: %s is empty", flag.Envs[0], name)
	}
	return secret, nil
}
