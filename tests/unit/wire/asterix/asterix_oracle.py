"""libasterix as the second opinion: the same records in the same shape as ``lowsky.wire.asterix.decode``."""

import asterix.base as base
import asterix.generated as generated


def spec(category, edition):
    return next(s for s in generated.manifest["CATS"][category] if "{}.{}".format(*s.cv_edition) == edition)


def expansion_spec(category, edition):
    return next(s for s in generated.manifest["REFS"][category] if "{}.{}".format(*s.cv_edition) == edition)


def blocks(datagram):
    """[(category, record bytes)], or None where libasterix refuses."""
    found = base.RawDatablock.parse(base.Bits.from_bytes(datagram))
    if isinstance(found, ValueError):
        return None
    return [(block.get_category(), block.get_raw_records().to_bytes()) for block in found]


def records(category, edition, payload):
    """The records of a block, or None where libasterix refuses it."""
    try:
        found = spec(category, edition).cv_uap.parse(base.Bits.from_bytes(payload))
    except TypeError:  # an FSPEC bit behind the last item of the list
        return None
    if isinstance(found, ValueError):
        return None
    return [{name: of_rule(item.arg) for name, item in record.items_regular.items()} for record in found]


def expansion(category, edition, payload):
    """(fields, bytes left over), or None where libasterix refuses it."""
    found = expansion_spec(category, edition).cv_expansion.parse(base.Bits.from_bytes(payload))
    if isinstance(found, ValueError):
        return None
    fields, rest = found
    return {name: of_rule(item.arg) for name, item in fields.arg.items()}, len(rest)


def of_rule(rule):
    if isinstance(rule, base.RuleVariationDependent):
        parsed, _ = rule.cv_default_variation._parse(rule.unparse())
        return of_variation(parsed)
    return of_variation(rule.arg)


def of_items(items):
    return {i.cv_non_spare.cv_name: of_rule(i.arg.arg) for i in items if isinstance(i, base.Item)}


def of_variation(variation):
    if isinstance(variation, base.Element):
        rule = type(variation).cv_rule
        content = None if issubclass(rule, base.RuleContentDependent) else rule.cv_content
        signedness = getattr(content, "cv_signedness", base.Unsigned)
        return signedness.convert(type(variation).cv_bit_size, variation.as_uint())
    if isinstance(variation, base.Group):
        return of_items(variation.arg)
    if isinstance(variation, base.Extended):
        return of_items([item for part in variation.arg for item in part if item is not None])
    if isinstance(variation, base.Repetitive):
        return [of_variation(one) for one in variation.arg]
    if isinstance(variation, base.Explicit):
        return variation.get_bytes()
    if isinstance(variation, base.Compound):
        return {name: of_rule(item.arg) for name, item in variation.arg.items()}
    raise TypeError(type(variation))


def random_block(rng, category, edition, n_records):
    """A block of random records, encoded by libasterix: every kind of item, random bits in each."""
    cat = spec(category, edition)
    items = [item.cv_non_spare for item in cat.cv_record.cv_items_list if issubclass(item, base.UapItem)]
    records = []
    for _ in range(n_records):
        chosen = [item for item in items if rng.random() < 0.4]
        records.append(cat.cv_record.create({item.cv_name: random_of_rule(rng, item.cv_rule) for item in chosen}))
    return cat.create(records).unparse().to_bytes()


def random_expansion(rng, category, edition):
    expansion_class = expansion_spec(category, edition).cv_expansion
    chosen = [item for item in expansion_class.cv_items_list if item is not None and rng.random() < 0.5]
    made = expansion_class.create({item.cv_name: random_of_rule(rng, item.cv_rule) for item in chosen})
    return made.unparse().to_bytes()


def random_of_rule(rng, rule):
    dependent = issubclass(rule, base.RuleVariationDependent)
    return random_of(rng, rule.cv_default_variation if dependent else rule.cv_variation)


def random_of(rng, variation):
    if issubclass(variation, base.Element | base.Group):
        return rng.getrandbits(variation.cv_bit_size)
    if issubclass(variation, base.Extended):
        parts = variation.cv_items_list[: rng.randint(1, len(variation.cv_items_list))]
        return [rng.getrandbits(sum(item[1] for item in part if item is not None)) for part in parts]
    if issubclass(variation, base.Repetitive):
        return [random_of(rng, variation.cv_variation) for _ in range(rng.randint(1, 3))]
    if issubclass(variation, base.Explicit):
        return rng.randbytes(rng.randint(0, 9))
    chosen = [item for item in variation.cv_items_list if item is not None and rng.random() < 0.4]
    return {item.cv_name: random_of_rule(rng, item.cv_rule) for item in chosen}
