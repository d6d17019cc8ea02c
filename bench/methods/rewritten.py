"""Files that were rewritten without changing a number: what a job's id holds in their place.

A record is found again by its job's id, which covers what the source computes, see :mod:`bench.methods.identity`. A
rewriting that changes no number of any record so far must not change their ids.
"""

REWRITTEN: dict[str, str] = {
    "580bcf12b4bb90090744236d201641d3fc03017f3318e753d25d9b36eee755a3": (  # baselines/slim.py
        "cfe93895870e84e6e18d1f73beb4ef41580d1591e109a6ed10a0a0439530a2b2"
    ),
    "f08cf32dd77e07cafd6b693889e67ae11089ef0ba8fa4a1f52b953ac80cf0e55": (  # bench/networks/backbones/imagenet.py
        "7baac2756f4e8d5bf0ca2119096e8518f2fcf1aa8435ab8d211753825acf6812"
    ),
    "8bf952d3970552d06237f2a215a21f69fb727747f2c2eb1c0d216ab2a0184f36": (  # bench/data/cifar10.py
        "d6a4381122f57f325d710ebd534cf976af229cf709fa7f7329b7cc80673c9731"
    ),
    "b83c87ef7fff583f05135e692d30e94a968fcaa8774f77ad905348e6a1aa60c2": (  # bench/data/digits.py
        "fbb71dd59675b2a69dc823a27ae282a824cb57b3bc4662980ce17d57a238ab33"
    ),
    "c54ae064d6280877768aeaee9c428899d9be330ed1b2525b611c3554be23e43c": "",  # bench/methods/bounds.py
    "05f4aeeaa03029d829a97c4cdf3d474ef790b0bc69b2c53e40c560bafc086cba": "",  # traced/channels.py
    "cbafe4b0795e2e7f7110d393e70a7c22a300ef2a4e11807254d5a8ae0685a50b": "",  # bench/data/folders.py
    "bdafc5aaea89c92a2b6edfe29ca4f7665d20ca36b19096fff92c9efb29189bac": (  # bench/data/imagenet.py
        "7749773ecfb2fde129cd44fcf538632602379f9500c3359ab1c8ad2f7aa7e541"
    ),
    "fff323e91988e270f40e4be19a3cb009a2c98109e24f44809e4cc83416fd88c1": (  # bench/data/recorded.py
        "a2c04cf7180b9677928a46dd4f91e7ac2a5a9904439a1e7d0b4312f5971604e3"
    ),
    "7776728884fb991aab498c5c1f1699aece629f193e915905aebc673fd08cea3e": (  # source.py, was bench/data/__init__.py
        "f4962792f5d88a4f480efd2e43d8e77ed2212f13296707de4e30fc3d84064255"
    ),
    "7e012e857490c3f5150e16e78216374046ddfc2f1a0d40744431a45a6301a3d2": (  # bench/networks/backbones/registry.py
        "1cdf79a9da852bc120470f8138e8a97f2d75c20b11458da74ed68a2cb5722b51"
    ),
    "fae2b19d2d63a8eeed66a0d1c230aaaf59c95db360834c4b0471f08a521bb238": (  # bench/training/checkpoint.py
        "0ce8f99cbaa808a22dda3dacd6d57d99e08d89a1a8b6dc0a899bda384afa9cbc"
    ),
    "ed845074fc90c10e77f85b02e4760a52cb68f894edbe9dc81d4ada39ec51263e": (  # baselines/slimming.py
        "424edcafd9932fe5a8a1a8db03dd15c0587610085453394f62d9bae806edd722"
    ),
    "02d066572d2f4d155cd2903992455936e095581fc3463830fc5007068aef96ad": (  # bench/networks/backbones/weights.py
        "a721fd9b76cee101a608ae3c7a264a54e8838c29116ebbb6ccee04017a500b96"
    ),
    "587252cd087a2989d9a3e6ffcaccf0c77d700eb6d02fd7894fc857bee7a461a9": (  # bench/networks/importance.py
        "fd7e48fc555707a7915630668da1813335b607cc512723ec379df5b20fb0708b"
    ),
    "a4e145bf2cbad03ee1c6ce9d39112c59170b78b7b43038978f65341b9d62d287": "",  # bench/networks/products.py
    "d27d96f456a615766020b1caf947abfa9b52c15b40b0444272e6275a9f4087ef": (  # bench/networks/surgery.py
        "be01fad0a626d7c28c04a976d26b828e556e9766386e75b95ead54204db700af"
    ),
    "ce9424898adddd999b66f410cd4dc3b67591a92bbcc386540a17b98797e4914c": (  # baselines/skipnet.py
        "163ef25edffa4507fd165d640823f7e891a704770fbc18be8209aed5ca2e34ba"
    ),
    "24d25b0b93c7a5eb452182ba2c7db18f027871cb7de984a8f4b0c7e2e97cec2d": (  # baselines/bas.py
        "0c142389238ffdfe8826fd7d1d9f9b764866315af23324ea0e7034be688d4733"
    ),
    "b4862e782b55085253c8749050b92706bcfb5b160105b56b39fe10edf9adccf3": (  # baselines/manidp.py
        "e447b120c6567526b257c750b995687e30fc0d146fb5576dde497e0ecccad1c3"
    ),
    "0351f39937052a26e54cc5409f67fbc39e2cd0a6e6383cce7948149533ce9d1a": (  # lcnet/gates.py
        "9fe64a75a48406840ff0e252475f68091111c9419045d700e44b16e1d1f98128"
    ),
    "0e958e2000ef96d84dcfca2c9b6ec9141aca85b6248c88feec92f65c137cbdf2": (  # lcnet/router.py
        "3a2fe78123d63edd5ff8636a0cfc134bf138a715a95209aa63b23898e3351335"
    ),
    "960d30cb01890e6887a5b2f7a1f35a3b92dc704492fd71a924a9194b624baf16": (  # lcnet/scaled.py
        "d55700b21e5cf6acb712adb3ca4ecfc37c2da46e3537bb4a9c50d0cd9a1c1e5f"
    ),
    "4cfb346b0ea0a1e74b7eaec9f71466debcf06694cad9261a8cf76e686d5c472c": (  # bench/networks/backbones/traced/adapter.py
        "fdfd68db023df5e7c5d86bc5b6a09543a33be99b902edfcea0a40149f93f437f"
    ),
    "0b75c613de761d90241486dd4eebfa4084a1b434a67385b64cfe01d446ba2dcd": "",  # bench/networks/positions.py
    "e1af2e3fb3910426fc08b1c01bbb3f7568e63503bec9734aa56c558650b80a87": (  # bench/data/dataset.py
        "5f86602a7c52164a38e29a4368bc4630e02faca83f49d8784e9d8251f85880b0"
    ),
    "31fb17faaec496438a496db58a5b71cfae38d3883a8a975651a90f9bf5a5d3bd": (  # bench/data/files.py
        "f38c3d75c69bf87851a7e0c51d5c891f6d5be7c3f4236115300e777c8ec8dd2c"
    ),
    "00fbefa40bd5da6931f231f40db20644ce50cab26ba85962ddec7755fdae91b0": (  # bench/training/trainer.py
        "613a2ed94ce4114c5504334fda1994cf5ebbeb6dc26150011ca0687447915248"
    ),
    "fc6fae0d4c124ffb07e85b64c47470af70cf1820614384ec8ae081ede23d8f74": "",  # lcnet/labels.py
    "f1c82904faa75ab633f0999aacc7304f567b5fe23bb7289a56595cef54f6adbb": (  # lcnet/menu.py
        "704a78a95e4b5b137ee873201ea487d59420489419d36fab56b361ab8cad860e"
    ),
    "78d2d178aabd48b8a5f30e0aa683f01d6ebaeb2a0d5f5670bd9e40e67ed41cfd": (  # lcnet/taught.py
        "b1a1a060efcbd1d10604432a7e8712779cdc5949c258355548cb07466cfb6488"
    ),
    "3bdd6336e0aafc331fcdae942874f02ba21a0cecb0b3746bcb54c848a167fb5d": "",  # bench/networks/tokens.py
    "a9b896af674d40c049d6db76978d21f9d9aa110c919f9454c78c10f0a3d97eca": (  # bench/networks/cost.py
        "2db7c90b79195279471dfd46f3305076b9d579946aea85d70132831493b45e79"
    ),
    "29d241839829c372a15d762d27ef7c950332f6e5e1becc1ac49b74fbcb4a57db": (  # bench/networks/backbones/traced/block.py
        "3d5ded9d08ebe8e5b53be38e26f13330280d3770c87f4712838bca329242435b"
    ),
    "3ff96c8f84ac87808fa8d77a492dcc7d57e67dc2f95851ac64f1bb8abb9bc7db": (  # bench/methods/interface.py
        "f0c43003ca1f48c5244371ffbc7925ebe6bad8edc17d29fd0123ef7581e398f8"
    ),
    "09ded607ca1d72542c57fe7f218c67668c090fb9e7ddf466f38a6dbcf18e8232": (  # bench/networks/blocks.py
        "08b3734b5a5c46aac2b8cc71e251955a952918f73bf0f00df7d7821a8c22f88b"
    ),
    "9fa0f63f589ba17c3e9a1ca0f56795a9436f94662bce055322eed709a573a066": (  # bench/networks/decisions.py
        "78e4e7e2e4c6a4a0aff7587ad15c3eb320f19cf796aaca2c14b54edb8662edde"
    ),
    "8b64ef5b85b48a2118d08c19ccffda1161c7c3fc3fbff343b0cfce85a2ecdfd9": "",  # bench/networks/ends.py
    "0dfff5872ada948fa4d6af86a947045b675519437ff22dbcbc33551824ab80e2": (  # bench/networks/network.py
        "31a460a551d90fd28934a081cc207c2e8b35b534836a4bffebb2f9381c573638"
    ),
    "6499244cc73c88a2fab50f445bd835e24ce9f538237e5be73566df94ef830f5f": (  # bench/networks/router.py
        "6b16892361616f50c9fe350b209ad16a89b157d56e7cc7ef0ec5508286307f51"
    ),
    "36489ef57cb276f0cf9283b3198473b2a3a834d81a3e5ec5fc43b7d1cd87aa27": (  # bench/networks/backbones/traced/graph.py
        "59d427a4bedf6ce09ab6df10e6ad1e5907b3c2ff12082ae9b2bb32915130c40d"
    ),
}
"""Digest of a file as it is, and the one that it had; a new file, on which no record so far rests, had none."""
