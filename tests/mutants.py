"""Switches every guard off in turn, in a copy of the package, and expects its named test to fail: `python tests/mutants.py [WORD...]`.

Without words all of them run and the table in docs/reliability.md is written anew; with words only guards whose names hold one of them.
Exit code 1 where a test did not notice.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/reliability.md"
BEGIN, END = "<!-- mutants -->\n", "<!-- end of mutants -->\n"


class Mutant(NamedTuple):
    guard: str
    file: str
    old: str
    new: str
    test: str


SAVE_BEST = """        if run.step == 0:
            _save_weights(out, run)  # first: who dies before the checkpoint does this epoch again
"""
SAVE_RUN = "        save_checkpoint(out, tensors, {key: getattr(run, key) for key in STATE})\n"
RENAMES = """        if keep is not None:
            path.replace(keep)
        beside.replace(path)
"""
DEATHS, POWER = "test_deaths.py::test_a_run_killed_", "test_power_loss.py::test_every_prefix_of_three_saves_leaves_the_last_one_that_returned"
WEIGHTS, YAML = (
    "test_weight_files.py::test_two_thousand_malformed_weight_files",
    "configs/test_hostile_yaml.py::test_three_hundred_recipes_that_are_none",
)
RESUME, ARCHIVE = (
    "test_training.py::test_a_run_stopped_anywhere_goes_on_to_the_same_bits",
    "data/test_archives.py::test_an_attack_is_refused_and_leaves_nothing",
)

REFUSED, KEPT = "serving/test_refusals.py::test_", "serving/test_keeping_and_pages.py::test_"

MUTANTS = [
    Mutant(
        "checkpoint: checksum",
        "checkpoint.py",
        "if _digest(payload) != digest:",
        "if False:",
        "test_checkpoint.py::test_a_flipped_bit_is_always_noticed",
    ),
    Mutant("checkpoint: fsync of the file", "files.py", "            os.fsync(file.fileno())\n", "", POWER),
    Mutant("checkpoint: fsync of the folder", "files.py", "        sync_folder(path.parent)\n", "", POWER),
    Mutant(
        "checkpoint: order of the renames",
        "files.py",
        RENAMES,
        "        beside.replace(path)\n        if keep is not None:\n            path.replace(keep)\n",
        "test_checkpoint.py::test_a_flipped_bit_is_always_noticed",
    ),
    Mutant(
        "checkpoint: written beside",
        "files.py",
        'path.with_name(f".{path.name}.{os.getpid()}.tmp")',
        "path",
        DEATHS + "where_it_hurts_goes_on_to_the_same_bits",
    ),
    Mutant(
        "checkpoint: a damaged one is not kept",
        "checkpoint.py",
        "keep=folder / PREVIOUS if _is_whole(last) else None",
        "keep=folder / PREVIOUS if last.exists() else None",
        "test_checkpoint.py::test_after_a_crash_at_any_step_a_checkpoint_loads",
    ),
    Mutant(
        "checkpoint: finite numbers",
        "checkpoint.py",
        "    _refuse_infinite(tensors)\n    payload",
        "    payload",
        "test_checkpoint.py::test_numbers_that_are_not_finite_are_never_saved",
    ),
    Mutant("checkpoint: remains are cleared", "training.py", "        clear_remains(out)\n", "", DEATHS + "where_it_hurts_goes_on_to_the_same_bits"),
    Mutant(
        "best weights: finite numbers",
        "checkpoint.py",
        "    _refuse_infinite(network.model.state_dict())\n",
        "",
        "test_training_faults.py::test_best_and_last_are_always_finite",
    ),
    Mutant(
        "best weights: before the checkpoint",
        "runs.py",
        SAVE_BEST,
        "",
        DEATHS + "where_it_hurts_goes_on_to_the_same_bits",
    ),
    Mutant(
        "resume: RNG of a sample",
        "data/loading.py",
        "np.random.default_rng(seed)",
        "np.random.default_rng()",
        DEATHS + "at_random_moments_goes_on_to_the_same_bits",
    ),
    Mutant(
        "resume: RNG of the order",
        "data/loading.py",
        "np.random.default_rng((self.seed, self.epoch))",
        "np.random.default_rng((self.seed, self.start))",
        RESUME,
    ),
    Mutant(
        "resume: RNG of dropout",
        "training.py",
        "torch.manual_seed(int(np.random.SeedSequence([recipe.seed, run.epoch, run.step, fabric.global_rank]).generate_state(1)[0]))",
        "pass",
        "test_training.py::test_learned_parts_of_a_codec_and_dropout_go_on_to_the_same_bits",
    ),
    Mutant("resume: sums of the epoch", "runs.py", '"micro_batch", "sums", "history")', '"micro_batch", "history")', RESUME),
    Mutant(
        "resume: SIGTERM",
        "interrupts.py",
        "for number in (signal.SIGINT, signal.SIGTERM):",
        "for number in (signal.SIGINT,):",
        "test_deaths.py::test_a_signal_keeps_a_checkpoint_within_ten_seconds",
    ),
    Mutant(
        "step: a bad gradient is left out",
        "training.py",
        "    if torch.isfinite(norm):",
        "    if True:",
        "test_training_faults.py::test_one_bad_step_is_left_out_and_training_goes_on",
    ),
    Mutant(
        "step: ten bad gradients end the run",
        "training.py",
        "if run.bad_steps >= MOST_BAD_STEPS:",
        "if False:",
        "test_training_faults.py::test_best_and_last_are_always_finite",
    ),
    Mutant(
        "memory: fewer at once",
        "memory.py",
        "            if not ran_out(problem):\n",
        "            if True:\n",
        "test_memory.py::test_gradients_and_log_are_those_of_the_whole_batch",
    ),
    Mutant(
        "memory: nothing is counted twice",
        "training.py",
        "        run.sums = copy.deepcopy(sums)\n",
        "",
        "test_memory.py::test_gradients_and_log_are_those_of_the_whole_batch",
    ),
    Mutant(
        "memory: gradients start anew",
        "training.py",
        "        optimiser.zero_grad()\n        run.sums",
        "        run.sums",
        "test_memory.py::test_gradients_and_log_are_those_of_the_whole_batch",
    ),
    Mutant(
        "loader: deaths are told",
        "data/loading.py",
        r'if not re.match(r"DataLoader worker \(pid", str(problem)):',
        "if True:",
        "test_training_faults.py::test_a_loading_process_that_dies_is_one_line_and_costs_one_epoch",
    ),
    Mutant(
        "loader: room in /dev/shm",
        "data/loading.py",
        "    if free < needed:",
        "    if False:",
        "test_training_faults.py::test_too_little_room_for_batches_is_said_before_the_first",
    ),
    Mutant("weights: checksum", "checkpoint.py", 'if hashlib.sha256(payload).hexdigest() != card.get("sha256"):', "if False:", WEIGHTS),
    Mutant("weights: finite numbers", "checkpoint.py", "if not all(tensor.isfinite().all() for tensor in converted.values()):", "if False:", WEIGHTS),
    Mutant("weights: names and shapes", "checkpoint.py", "    if wrong:\n", "    if False:\n", WEIGHTS),
    Mutant("weights: kinds of numbers", "checkpoint.py", " and own.is_floating_point() == given.is_floating_point()", "", WEIGHTS),
    Mutant(
        "weights: size",
        "checkpoint.py",
        "if not path.is_file() or size > most:",
        "if not path.is_file():",
        "test_weight_files.py::test_weights_and_cards_have_a_largest_size",
    ),
    Mutant(
        "weights: a giant costs nothing",
        "checkpoint.py",
        'with torch.device("meta"), _Unfilled():',
        'with torch.device("cpu"), _Unfilled():',
        "test_checkpoint.py::test_a_card_that_describes_a_giant_costs_no_memory",
    ),
    Mutant("image: pixels", "images.py", "if width * height > limits.pixels:", "if False:", "test_images.py::test_the_limit_of_pixels_is_exact"),
    Mutant(
        "image: pixels, exactly",
        "images.py",
        "if width * height > limits.pixels:",
        "if width * height >= limits.pixels:",
        "test_images.py::test_the_limit_of_pixels_is_exact",
    ),
    Mutant("image: bytes", "images.py", "if count > limits.bytes:", "if False:", "test_images.py::test_limits_of_side_and_bytes"),
    Mutant(
        "image: list of formats",
        "images.py",
        "formats=_formats(data))",
        "formats=None)",
        "test_images.py::test_other_formats_are_refused_by_name_of_the_file",
    ),
    Mutant(
        "image: scans of a JPEG",
        "images.py",
        'data.count(b"\\xff\\xda") > JPEG_SCANS',
        "False",
        "test_images.py::test_a_jpeg_of_endless_scans_is_refused",
    ),
    Mutant(
        "image: own words",
        "images.py",
        "        raise _damaged(name) from None",
        "        raise",
        "test_mutated_images.py::test_five_thousand_mutated_images",
    ),
    Mutant("recipe: tags", "configs/reading.py", "if event.tag is not None:", "if False:", YAML),
    Mutant("recipe: aliases", "configs/reading.py", "if isinstance(event, yaml.AliasEvent) or event.anchor is not None:", "if False:", YAML),
    Mutant(
        "recipe: depth", "configs/reading.py", "if self.depth > DEEPEST:", "if False:", "configs/test_reading.py::test_what_is_no_recipe_is_one_line"
    ),
    Mutant(
        "recipe: keys twice",
        "configs/reading.py",
        "        if twice:\n",
        "        if False:\n",
        "configs/test_reading.py::test_what_is_no_recipe_is_one_line",
    ),
    Mutant("recipe: unknown keys", "configs/config.py", 'extra="forbid"', 'extra="ignore"', YAML),
    Mutant(
        "labels: file names stay inside",
        "data/choosing.py",
        '".." not in parts and ',
        "",
        "data/test_damage.py::test_damage_to_the_list_of_images_is_counted",
    ),
    Mutant(
        "labels: links of an h5",
        "data/hourglass_labels.py",
        "if not isinstance(file.get(name, getlink=True), h5py.HardLink):",
        "if name not in file:",
        "data/test_mpii.py::test_links_of_an_h5_are_not_followed",
    ),
    Mutant(
        "repair: the corner", "data/repairing.py", " & (person.keypoints != 0).any(1)", "", "data/test_damage.py::test_damage_to_people_is_counted"
    ),
    Mutant(
        "repair: the original", "data/repairing.py", "    _check_place(data, out)\n", "", "data/test_damage.py::test_places_that_a_repair_refuses"
    ),
    Mutant(
        "archive: names",
        "data/archives.py",
        'if path.is_absolute() or ".." in path.parts or strange or not name:',
        "if strange or not name:",
        ARCHIVE,
    ),
    Mutant(
        "archive: links and devices",
        "data/archives.py",
        "if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE) or member.issparse():",
        "if member.issparse():",
        ARCHIVE,
    ),
    Mutant("archive: bombs", "data/archives.py", "if not 0 <= member.size <= room - written:", "if False:", ARCHIVE),
    Mutant(
        "service: deadline of headers",
        "serving/protocol.py",
        "return self._begun + limits.head",
        "return math.inf",
        "serving/test_deadlines.py::test_a_slow_client_is_closed",
    ),
    Mutant(
        "service: deadline of a body",
        "serving/protocol.py",
        "return self._begun + min(limits.body + self._received / limits.rate, limits.longest)",
        "return self.loop.time() + limits.body",
        "serving/test_deadlines.py::test_a_slow_client_is_closed",
    ),
    Mutant(
        "service: deadline of a reader",
        "serving/protocol.py",
        "return self._written_from + limits.write + self._taken / limits.rate",
        "return math.inf",
        "serving/test_deadlines.py::test_a_slow_reader_is_closed",
    ),
    Mutant(
        "service: deadline of a reader, whatever the length",
        "serving/protocol.py",
        "if self.transport.get_write_buffer_size():",
        "if False:",
        "serving/test_deadlines.py::test_a_reader_of_an_answer_of_any_length_is_closed",
    ),
    Mutant(
        "service: connections",
        "serving/protocol.py",
        "if len(self.connections) > self._limits.connections:",
        "if False:",
        "serving/test_deadlines.py::test_connections_are_bounded",
    ),
    Mutant(
        "service: queue",
        "serving/pool.py",
        "if len(self._jobs) >= self._room:",
        "if False:",
        "serving/test_pool.py::test_the_queue_is_bounded_and_says_when_to_come_back",
    ),
    Mutant(
        "service: one that kills goes alone",
        "serving/pool.py",
        "if batch and (job.losses or batch[0].losses or",
        "if batch and (",
        "serving/test_pool.py::test_a_worker_that_dies_loses_nobody_but_the_one_that_kills",
    ),
    Mutant(
        "service: body",
        "serving/asking.py",
        "            if size > most:",
        "            if False:",
        REFUSED + "a_body_is_refused_at_its_limit_exactly",
    ),
    Mutant(
        "service: announced body",
        "serving/asking.py",
        "int(announced) > most",
        "False",
        "serving/test_deadlines.py::test_a_body_that_was_refused_is_not_read_for_long",
    ),
    Mutant(
        "service: all bodies", "serving/asking.py", "if self.count + count > self._most:", "if False:", REFUSED + "all_bodies_together_are_bounded"
    ),
    Mutant(
        "service: pixels",
        "serving/worker.py",
        'pixels=told["max_pixels"] or LIMITS.pixels',
        "pixels=LIMITS.pixels",
        "serving/test_answers.py::test_pixels_are_refused_at_the_limit_of_the_service",
    ),
    Mutant("service: lines without leaks", "serving/problems.py", "if _LEAK.search(message)", "if False", REFUSED + "no_line_tells_of_the_machine"),
    Mutant(
        "service: own words",
        "serving/application.py",
        ", Exception: _mistaken}",
        "}",
        REFUSED + "a_mistake_of_the_service_tells_nothing",
    ),
    Mutant(
        "service: token",
        "serving/guard.py",
        "hmac.compare_digest(_digest(given.strip()), self._digest)",
        "True",
        REFUSED + "the_token_opens_and_nothing_else_does",
    ),
    Mutant(
        "service: time of the token",
        "serving/guard.py",
        "hmac.compare_digest(_digest(given.strip()), self._digest)",
        "_digest(given.strip()) == self._digest",
        REFUSED + "the_token_is_compared_in_constant_time",
    ),
    Mutant("service: names", "serving/guard.py", "if known and _name(", "if False and _name(", REFUSED + "what_is_refused"),
    Mutant(
        "service: pages from elsewhere",
        "serving/guard.py",
        "if origin is not None and not self._may_call",
        "if False and not self._may_call",
        REFUSED + "what_is_refused",
    ),
    Mutant(
        "service: compressed bodies",
        "serving/guard.py",
        'headers.get("content-encoding", "identity").lower() != "identity"',
        "False",
        REFUSED + "what_is_refused",
    ),
    Mutant(
        "service: two lengths",
        "serving/guard.py",
        'if "transfer-encoding" in headers and "content-length" in headers:',
        "if False:",
        REFUSED + "what_is_refused",
    ),
    Mutant(
        "service: quota",
        "serving/keeping.py",
        "if self._used + len(picture) + len(text) > self._keeping.bytes:",
        "if False:",
        KEPT + "the_quota_is_held_and_counts_what_was_there",
    ),
    Mutant(
        "service: ids",
        "serving/keeping.py",
        '_ID.fullmatch(path.name.split(".")[0]) and path.is_file() and not path.is_symlink()',
        "path.is_file()",
        KEPT + "an_id_is_never_a_path",
    ),
    Mutant(
        "service: draining",
        "serving/running.py",
        'loop.call_later(settings.drain_seconds if service.poses.ready else 0, setattr, server, "should_exit", True)',
        "server.should_exit = server.force_exit = True",
        "serving/test_faults.py::test_s8_a_signal_under_load_loses_no_request",
    ),
]


def stale(mutant: Mutant) -> str:
    """ "" where what is switched off stands exactly once in the package, and the test that has to notice in its file."""
    source = (ROOT / "src/glasspose" / mutant.file).read_text()
    for text in [mutant.old, *([SAVE_RUN] if mutant.old == SAVE_BEST else [])]:
        if source.count(text) != 1:
            return f"{text!r} stands {source.count(text)} times in {mutant.file}"
    file, _, name = mutant.test.partition("::")
    return "" if f"def {name}(" in (ROOT / "tests" / file).read_text() else f"no test {mutant.test}"


def caught(mutant: Mutant) -> str:
    """ "" where the named test failed, else what happened."""
    if problem := stale(mutant):
        return problem
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "glasspose"
        shutil.copytree(ROOT / "src/glasspose", package, ignore=shutil.ignore_patterns("__pycache__"))
        changed = (package / mutant.file).read_text().replace(mutant.old, mutant.new)
        if mutant.old == SAVE_BEST:  # moved behind the checkpoint
            changed = changed.replace(SAVE_RUN, SAVE_RUN + SAVE_BEST)
        (package / mutant.file).write_text(changed)
        environment = {**os.environ, "GLASSPOSE_MUTANT": folder, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
        options = ["-o", f"pythonpath={folder} tests", "-q", "-x", "-p", "no:cacheprovider", "-m", "not nightly and not release"]
        command = [sys.executable, "-m", "pytest", *options, f"tests/{mutant.test}"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode == 1 and ("failed" in done.stdout or "error" in done.stdout):
        return ""
    return f"not noticed (pytest ended with {done.returncode})"


def main(words: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant.guard for word in words)]
    with ThreadPoolExecutor(2) as pool:
        answers = []
        for mutant, answer in zip(chosen, pool.map(caught, chosen), strict=True):
            answers.append(answer)
            print(f"{'caught' if not answer else 'SURVIVED: ' + answer:12}  {mutant.guard}  ({mutant.test})", flush=True)
    print(f"{answers.count('')} of {len(chosen)} caught")
    if not words:
        rows = [f"| {m.guard} | `{m.file}` | `tests/{m.test}` | {answer or 'yes'} |" for m, answer in zip(chosen, answers, strict=True)]
        table = "\n".join(["| guard | in | switched off, this test fails | caught |", "|---|---|---|---|", *rows, ""])
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(before + BEGIN + table + END + rest.split(END)[1])
    return 0 if not any(answers) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
