// The purchase in Go: net/http and go-redis.
//
// go-redis hashes the script once and sends EVALSHA, falling back to EVAL on NOSCRIPT. The pool has as many
// connections as there can be requests in flight, so that none waits for another.
package main

import (
	"encoding/binary"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

const (
	keyLength   = 22
	quantityMax = 100
	poolSize    = 256
	bodyMax     = 16 << 10
)

var statusOf = map[string]int{
	"replay": 202, "sold_out": 410, "all_held": 409, "not_enough_left": 409, "limit_reached": 409, "key_reused": 422,
	"not_open": 425, "ended": 410, "paused": 409, "session_replaced": 409,
}

type order struct {
	Sku      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

type held struct {
	Reservation string `json:"reservation"`
	Status      string `json:"status"`
	Units       []int  `json:"units"`
	Poll        string `json:"poll"`
	PollAfterMs int    `json:"poll_after_ms"`
}

type refusal struct {
	Code string `json:"code"`
}

type seller struct {
	redis  *redis.Client
	script *redis.Script
	keys   []string
	sale   string
	sku    string
	epoch  string
	spends bool
}

func main() {
	text, err := os.ReadFile(os.Getenv("PEER_SCRIPT"))
	if err != nil {
		log.Fatal(err)
	}
	sale, sku := os.Getenv("PEER_SALE"), os.Getenv("PEER_SKU")
	shard := "rg1:{" + sale + ".0}:"
	s := &seller{
		redis:  redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + os.Getenv("PEER_REDIS_PORT"), PoolSize: poolSize}),
		script: redis.NewScript(string(text)),
		keys: []string{
			shard + "meta", shard + "intents", shard + "buyers", shard + "reservations", shard + "sessions", shard + "free:" + sku,
		},
		sale:  sale,
		sku:   sku,
		epoch: os.Getenv("PEER_EPOCH"),
	}
	if os.Getenv("PEER_SPENDS") == "1" {
		s.spends = true
		s.keys = append(s.keys, shard+"spent")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sales/{sale}/reservations", s.purchase)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PEER_PORT"), mux))
}

func (s *seller) purchase(w http.ResponseWriter, r *http.Request) {
	var wanted order
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyMax)).Decode(&wanted); err != nil {
		answer(w, http.StatusBadRequest, refusal{"bad_request"})
		return
	}
	if r.PathValue("sale") != s.sale || wanted.Sku != s.sku {
		answer(w, http.StatusNotFound, refusal{"not_found"})
		return
	}
	key := r.Header.Get("Idempotency-Key")
	if wanted.Quantity < 1 || wanted.Quantity > quantityMax || len(key) != keyLength {
		answer(w, http.StatusBadRequest, refusal{"bad_request"})
		return
	}
	user, generation, known := buyerOf(r.Header.Get("Authorization"))
	if !known {
		answer(w, http.StatusUnauthorized, refusal{"no_session"})
		return
	}
	args := append(make([]any, 0, 5), "1", s.epoch, s.sku, packItem(key, wanted.Quantity, generation, user))
	if s.spends {
		spend, found := spendOf(r.Header.Get("X-Rush-Pass"))
		if !found {
			answer(w, http.StatusForbidden, refusal{"pass_required"})
			return
		}
		args = append(args, spend)
	}
	reply, err := s.script.Run(r.Context(), s.redis, s.keys, args...).Text()
	if err != nil {
		log.Print("redis: ", err)
		answer(w, http.StatusServiceUnavailable, refusal{"unavailable"})
		return
	}
	lines := strings.SplitN(reply, "\n", 3)
	if len(lines) < 3 {
		answer(w, http.StatusServiceUnavailable, refusal{"rebuilding"})
		return
	}
	words := strings.SplitN(lines[2], " ", 4)
	if words[1] != "held" {
		status, known := statusOf[words[1]]
		if !known {
			status = http.StatusBadRequest
		}
		answer(w, status, refusal{words[1]})
		return
	}
	answer(w, http.StatusAccepted, held{key, "held", numbers(words[2]), "/reservations/" + key, 3000})
}

// "Bearer s1.<key id>.<user>.<generation>.…": user and generation, unchecked.
func buyerOf(authorization string) (user string, generation uint32, known bool) {
	words := strings.SplitN(authorization, ".", 5)
	if len(words) < 5 {
		return "", 0, false
	}
	number, err := strconv.ParseUint(words[3], 10, 32)
	return words[2], uint32(number), err == nil
}

// "p1.<key id>.<sale>.<user>.<pass id>.…", unchecked: what the first item spends, as contract/lane-scripts.ts packs it.
func spendOf(pass string) (spend string, found bool) {
	words := strings.SplitN(pass, ".", 6)
	if len(words) < 6 || len(words[4]) != keyLength {
		return "", false
	}
	return "\x00\x01\x17p" + words[4], true
}

// body c22, index of the SKU B, quantity H, session generation I4, user Hc0: contract/lane-scripts.ts
func packItem(key string, quantity int, generation uint32, user string) []byte {
	item := make([]byte, 0, keyLength+9+len(user))
	item = append(item, key...)
	item = append(item, 1)
	item = binary.BigEndian.AppendUint16(item, uint16(quantity))
	item = binary.BigEndian.AppendUint32(item, generation)
	item = binary.BigEndian.AppendUint16(item, uint16(len(user)))
	return append(item, user...)
}

func numbers(joined string) []int {
	units := make([]int, 0, 1+strings.Count(joined, ","))
	for text := range strings.SplitSeq(joined, ",") {
		unit, err := strconv.Atoi(text)
		if err == nil {
			units = append(units, unit)
		}
	}
	return units
}

func answer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		log.Panic(err)
	}
	header := w.Header()
	header["Content-Type"] = []string{"application/json"}
	w.WriteHeader(status)
	if _, err := w.Write(text); err != nil {
		log.Print("answer: ", err)
	}
}
