"""A hash as words that two people can read to each other.

256 English words of three to seven letters, one for each value of a byte. Any two differ in at least three
letters and in their first four, so that a word misheard or cut short is not another one. The list
never changes: another list would make words on paper worthless.
"""

from __future__ import annotations

_LIST = """
    abbey acorn adobe agent alarm alloy almond anchor angle arcade arch arrow artist atlas atom autumn avenue
    axis badge bakery ballad bamboo banjo barn barrel basket beach beaver beetle berry bishop boat bobbin bonnet
    border bread brick bronze broom bulb bundle button cabin cactus camel canoe canvas cargo carpet castle cedar
    cello cement chalk chess chorus cinema circle clay cliff clock coffee copper coral coyote cradle crater
    crayon cube cymbal dagger daisy desert dinner domino donkey drum dynamo echo elbow elm ember engine epoch
    fabric falcon fence fiasco fiddle fidget field fiesta figure flower flute forest fossil fox galaxy garden
    garlic geyser glove goblet gold gospel grape grotto guitar hammer helmet hill hobby horse hotel hunter
    hybrid igloo iguana impala indigo insect iron island ivy jaguar jester jewel jigsaw kayak kernel kidney
    kimono kiosk kite knight koala ladder lasso lemon lilac linen lizard lotus lucky lunar lyric magnet maple
    mascot meadow mimosa mint mirror mitten mobile mosaic moss motor museum napkin nebula nectar nickel nomad
    noodle north nougat nugget nutmeg oboe ocean omega onion orange orbit orchid osprey otter owl oxygen palace
    panda papaya paper pastry patrol peanut pebble pencil penny piano picnic pigeon pilot pirate plaza pocket
    poem polar possum potato prism puffin puppet puzzle quartz quilt quiver quota rabbit radio raft rapids raven
    razor recipe reef ribbon rubber sail saturn scarf school sequel signal silver sketch snow spider spruce
    statue stone sultan sunset swan teacup teapot temple tiger topaz tulip tundra tunnel turtle vacuum vendor
    vessel violin volume voyage waffle wagon wallet yacht zebra
"""
WORDS: tuple[str, ...] = tuple(_LIST.split())


def words(data: bytes, count: int = 8) -> str:
    """Return the first ``count`` bytes as words joined by "-"; 8 words are 64 bits.

    For two people who compare a hash by voice. They notice a mix-up and a casual forgery; who can afford
    2^64 hashes can find a second hash with the same words, so the full hash decides where that matters.

    Raises:
        ValueError: ``count`` is below 1 or above the length of ``data``.
    """
    if not 1 <= count <= len(data):
        raise ValueError(f"{count} words of {len(data)} bytes; expected 1 to {len(data)}")
    return "-".join(WORDS[byte] for byte in data[:count])
