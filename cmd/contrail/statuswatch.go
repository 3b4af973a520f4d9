package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/contrail-events/contrail/internal/picture"
)

// What a terminal is told.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // the alternate one, without a cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	homeCursor  = "\x1b[H"
	clearLine   = "\x1b[K" // from here to its end
	clearBelow  = "\x1b[J"

	endOfText = 3 // what ctrl-c sends in raw mode
)

// screen is how many columns and lines a result may take; 0: any number.
func (a *app) screen() (width, height int) {
	if file, ok := a.stdout.(*os.File); ok {
		if _, lines, err := term.GetSize(int(file.Fd())); err == nil {
			height = lines
		}
	}
	return a.width(), height
}

// watch tells again and again, until ctx ends or, on a terminal, somebody presses q. It then returns nil.
func (p *statusPlace) watch(ctx context.Context) error {
	pages := isTerminal(p.app.stdout) && !p.verb.JSON && os.Getenv("TERM") != "dumb"
	keys, restore := make(chan byte), func() {}
	if pages {
		p.app.log = slog.New(slog.DiscardHandler) // it would write over the page
		p.draw(enterScreen)
		defer p.draw(leaveScreen)
		keys, restore = readKeys()
	}
	defer restore()
	ticker := time.NewTicker(time.Duration(p.verb.Watch))
	defer ticker.Stop()
	var before picture.Picture
	for {
		if err := p.open(ctx); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
		now := p.read(ctx, picture.Limits{Timeout: p.app.ConnectTimeout})
		if ctx.Err() != nil {
			return nil
		}
		if err := p.show(now, picture.RatesBetween(before, now), pages); err != nil {
			return err
		}
		before = now
		select {
		case <-ctx.Done():
			return nil
		case key := <-keys:
			if key == 'q' || key == 'Q' || key == endOfText {
				return nil
			}
		case <-ticker.C:
		}
	}
}

// show replaces the page, or adds one.
func (p *statusPlace) show(now picture.Picture, rates picture.Rates, pages bool) error {
	if !pages {
		if !p.verb.JSON {
			p.app.printf("%s\n", now.At.UTC().Format(time.RFC3339))
		}
		err := p.tell(now, rates)
		if !p.verb.JSON {
			p.app.printf("\n")
		}
		if err == nil {
			err = p.app.unwritten // nobody reads it any more
		}
		return err
	}
	width, height := p.app.screen()
	lines := (statusPage{app: p.app, picture: now, rates: rates, width: width}).lines(height)
	lines = append(lines, cut(now.At.Format(time.TimeOnly)+", q ends", width))
	var text strings.Builder
	for n, line := range lines {
		if n > 0 {
			text.WriteString("\r\n")
		}
		text.WriteString(p.app.shown(line) + clearLine)
	}
	p.draw(homeCursor + text.String() + clearBelow)
	return nil
}

// draw writes what the terminal is to do.
func (p *statusPlace) draw(text string) {
	_, _ = io.WriteString(p.app.stdout, text) // a terminal that is gone hangs up
}

// readKeys has each key sent as it is pressed, if standard input is a terminal. The goroutine that reads lives as long as the process: a read of a terminal can't
// be ended.
func readKeys() (keys chan byte, restore func()) {
	keys = make(chan byte)
	input := int(os.Stdin.Fd())
	before, err := term.MakeRaw(input)
	if err != nil {
		return keys, func() {}
	}
	go func() {
		for key := make([]byte, 1); ; {
			if _, err := os.Stdin.Read(key); err != nil {
				return
			}
			keys <- key[0]
		}
	}()
	return keys, func() { _ = term.Restore(input, before) }
}
